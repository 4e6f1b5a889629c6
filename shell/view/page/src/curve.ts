// What a curve shows: counters against an axis, normalised or differentiated as the viewer likes.

import type { Channel, Shown } from './store';

export interface Choice {
  x: string;
  left: string[];
  right: string[];
  divideBy: string;
  derivative: boolean;
}

export const INDEX = 'point';

export interface Curves {
  x: Float64Array;
  ys: { name: string; values: Float64Array; right: boolean }[];
  ordered: boolean; // whether x only rises: else the points are not joined by a line
}

// Channels that hold a number for each point, in the order in which the scan names them.
export function drawn(channels: Channel[]): Channel[] {
  return channels.filter((channel) => channel.number && !channel.at_end);
}

// Images and spectra.
export function arrays(channels: Channel[]): Channel[] {
  return channels.filter((channel) => channel.shape.length > 0);
}

export function first(shown: Shown): Choice {
  const names = new Set(drawn(shown.heading.channels).map((channel) => channel.name));
  const { signals = [], axes = [] } = shown.heading.plot;
  const x = axes.find((name) => names.has(name)) ?? INDEX;
  const left = signals.filter((name) => names.has(name)).slice(0, 1);
  return { x, left, right: [], divideBy: '', derivative: false };
}

export function curves({ columns }: Shown, choice: Choice): Curves {
  const wanted = [...choice.left, ...choice.right, choice.x, choice.divideBy].filter((name) => name !== '' && name !== INDEX);
  const length = Math.min(...wanted.map((name) => columns.get(name)?.length ?? 0));
  const count = Number.isFinite(length) ? length : 0;
  const x = choice.x === INDEX ? Float64Array.from({ length: count }, (_, n) => n) : values(columns.get(choice.x)?.values, count);
  const order = rising(x);
  const divisor = choice.divideBy === '' ? null : values(columns.get(choice.divideBy)?.values, count);
  const ys = [...choice.left, ...choice.right].map((name, index) => {
    let y = values(columns.get(name)?.values, count);
    if (divisor !== null) y = y.map((value, n) => value / divisor[n]!);
    if (choice.derivative) y = derivative(x, y);
    return { name, values: order === null ? y : order.map((n) => y[n]!), right: index >= choice.left.length };
  });
  return { x: order === null ? x : order.map((n) => x[n]!), ys, ordered: order === null || falling(x) };
}

function values(column: Float64Array | undefined, count: number): Float64Array {
  return (column ?? new Float64Array(0)).subarray(0, count);
}

function falling(x: Float64Array): boolean {
  for (let n = 1; n < x.length; n++) if (x[n]! > x[n - 1]!) return false;
  return true;
}

// The order in which x rises; null if it does so already.
function rising(x: Float64Array): Float64Array | null {
  let inOrder = true;
  for (let n = 1; n < x.length && inOrder; n++) inOrder = x[n]! >= x[n - 1]!;
  return inOrder ? null : Float64Array.from(x, (_, n) => n).sort((a, b) => x[a]! - x[b]!);
}

// Central differences; one-sided at the ends.
export function derivative(x: Float64Array, y: Float64Array): Float64Array {
  return y.map((_, n) => {
    const before = Math.max(n - 1, 0);
    const after = Math.min(n + 1, y.length - 1);
    return (y[after]! - y[before]!) / (x[after]! - x[before]!);
  });
}
