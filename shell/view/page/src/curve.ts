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
export const VALID = 'valid'; // channel that is 0 where a suspender spoilt the point
export const PLANNED = 'scan_point'; // channel with the place of a point in the plan

export interface Curves {
  x: Float64Array;
  ys: { name: string; values: Float64Array; right: boolean }[];
  ordered: boolean; // whether x only rises: else the points are not joined by a line
}

// Channels that hold a number for each point, in the order in which the scan names them.
export function drawn(channels: Channel[]): Channel[] {
  return channels.filter(({ name, number, at_end }) => number && !at_end && name !== VALID && name !== PLANNED);
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

export function curves({ heading, columns }: Shown, choice: Choice): Curves {
  const names = channels(choice);
  const good = goodPoints(heading.channels, columns, names);
  const points = (name: string) => picked(columns.get(name)?.values ?? new Float64Array(0), good.count, good.places);
  const indices = () => good.places?.slice() ?? Float64Array.from({ length: good.count }, (_, n) => n);
  const x = choice.x === INDEX ? indices() : points(choice.x);
  return arranged(x, choice, points);
}

// Names of the channels that a choice needs.
export function channels(choice: Choice): string[] {
  return [...choice.left, ...choice.right, choice.x, choice.divideBy].filter((name) => name !== '' && name !== INDEX);
}

// Curves of points that are all there and good.
export function arranged(x: Float64Array, choice: Choice, points: (name: string) => Float64Array): Curves {
  const order = rising(x);
  const divisor = choice.divideBy === '' ? null : points(choice.divideBy);
  const ys = [...choice.left, ...choice.right].map((name, index) => {
    let y = points(name);
    if (divisor !== null) y = y.map((value, n) => value / divisor[n]!);
    if (choice.derivative) y = derivative(x, y);
    return { name, values: order === null ? y : order.map((n) => y[n]!), right: index >= choice.left.length };
  });
  return { x: order === null ? x : order.map((n) => x[n]!), ys, ordered: order === null || falling(x) };
}

// How many points all channels have, and which of them are good; null if all are.
function goodPoints(known: Channel[], columns: Shown['columns'], names: string[]): { count: number; places: Float64Array | null } {
  const lengths = names.map((name) => columns.get(name)?.length ?? 0);
  const valid = columns.get(VALID);
  const judged = valid !== undefined && known.every(({ name, subscan }) => subscan === 1 || !names.includes(name));
  if (judged) lengths.push(valid.length);
  const count = lengths.length === 0 ? 0 : Math.min(...lengths);
  if (!judged) return { count, places: null };
  const flags = valid.values.subarray(0, count);
  if (flags.every((flag) => flag !== 0)) return { count, places: null };
  return { count, places: Float64Array.from({ length: count }, (_, n) => n).filter((n) => flags[n] !== 0) };
}

function picked(column: Float64Array, count: number, places: Float64Array | null): Float64Array {
  return places === null ? column.subarray(0, count) : places.map((n) => column[n]!);
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
