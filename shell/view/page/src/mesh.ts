// The map of a mesh: each value where it lies, NaN where nothing is measured yet.

import ndarray, { type NdArray } from 'ndarray';
import { PLANNED, VALID } from './curve';
import type { Shown } from './store';

export interface Mesh {
  values: NdArray<Float64Array>;
  slow: { name: string; positions: number[] };
  fast: { name: string; positions: number[] };
}

export function mesh({ heading, columns }: Shown, channel: string): Mesh | null {
  const { grid } = heading;
  if (grid === null || grid.positions?.length !== 2) return null;
  const [slow, fast] = grid.positions;
  const values = new Float64Array(slow.length * fast.length).fill(NaN);
  const measured = columns.get(channel)?.values ?? new Float64Array(0);
  const valid = columns.get(VALID)?.values;
  const planned = columns.get(PLANNED)?.values; // a spoilt point is measured again as the next one
  for (let n = 0; n < measured.length; n++) {
    if (valid !== undefined && valid[n] === 0) continue;
    const index = planned?.[n] ?? n;
    if (index >= values.length) continue;
    const row = Math.floor(index / fast.length);
    const place = index % fast.length;
    const column = grid.backnforth && row % 2 === 1 ? fast.length - 1 - place : place;
    values[row * fast.length + column] = measured[n]!;
  }
  return {
    values: ndarray(values, [slow.length, fast.length]),
    slow: { name: grid.axes[0], positions: slow },
    fast: { name: grid.axes[1], positions: fast },
  };
}

// Where the cells of a map begin and end, so that each position is in the middle of its cell.
export function edges(positions: number[]): number[] {
  const step = (n: number) => (positions.length < 2 ? 1 : positions[Math.min(n + 1, positions.length - 1)]! - positions[Math.min(n, positions.length - 2)]!);
  const last = positions.length - 1;
  return [...positions.map((position, n) => position - step(Math.max(n - 1, 0)) / 2), positions[last]! + step(last - 1) / 2];
}
