// What the page knows: filled by the messages of the server, read by the parts of the page.

import { useSyncExternalStore } from 'react';
import { Growing } from './growing';
import type { Decoded, Numbers } from './messages';

export interface ScanLine {
  scan: string;
  number: number;
  state: string;
  sentence: string;
  title: string;
  user: string;
  session: string;
  sample: string;
  dataset: string;
  started: number;
  ended: number | null;
  points: number | null;
}

export interface Channel {
  name: string;
  device: string;
  unit: string;
  shape: number[];
  number: boolean;
  role: string;
  about: string;
  at_end: boolean;
  subscan: number; // 1 for the scan itself
  energy: number[] | null; // coefficients of the energy of a channel of a spectrum, in keV
}

export interface Heading extends ScanLine {
  trouble: string;
  plot: { signals?: string[]; axes?: string[] };
  grid: { axes: [string, string]; positions: [number[], number[]]; backnforth: boolean } | null;
  channels: Channel[];
  over: boolean;
}

export interface AxisLine {
  name: string;
  unit: string;
  digits: number;
  about: string;
  position: number | null;
  state: string;
  limits: [number | null, number | null];
  trouble: string;
}

export interface Latest {
  index: number;
  shape: number[];
  values: Numbers;
}

export interface Fall {
  shape: number[];
  values: Numbers;
  every: number; // a row stands for so many points
  merged: number; // a column for so many channels
  index: number;
}

export interface Shown {
  heading: Heading;
  columns: Map<string, Growing>;
  arrays: Map<string, Latest>;
  falls: Map<string, Fall>; // all spectra of a channel
}

export interface Known {
  connected: boolean;
  role: 'nobody' | 'viewer' | 'operator';
  scans: ScanLine[];
  trouble: string;
  shown: Shown | null;
  points: number; // another number whenever points came
  axes: AxisLine[];
}

let known: Known = { connected: false, role: 'nobody', scans: [], trouble: '', shown: null, points: 0, axes: [] };
const listeners = new Set<() => void>();

export function change(what: Partial<Known>): void {
  known = { ...known, ...what };
  for (const listener of listeners) listener();
}

export function now(): Known {
  return known;
}

function heard(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useKnown(): Known {
  return useSyncExternalStore(heard, now);
}

// A part of it: who needs no more is drawn only when that changes, and keeps nothing else in memory. React keeps the
// handlers with which a row of a list was first drawn as long as the row is there, with all that they can reach.
export function usePart<T>(part: (known: Known) => T): T {
  return useSyncExternalStore(heard, () => part(known));
}

export function take({ header, arrays }: Decoded): void {
  switch (header.type) {
    case 'scans':
      change({ scans: (header.scans as ScanLine[]).slice().reverse(), trouble: header.trouble as string });
      break;
    case 'axes':
      change({ axes: header.axes as AxisLine[] });
      break;
    case 'scan': {
      const heading = header as unknown as Heading;
      const same = known.shown?.heading.scan === heading.scan ? known.shown : null;
      change({ shown: { heading, columns: same?.columns ?? new Map(), arrays: same?.arrays ?? new Map(), falls: same?.falls ?? new Map() } });
      break;
    }
    case 'points': {
      const shown = known.shown;
      if (shown === null || shown.heading.scan !== header.scan) return;
      const firsts = header.firsts as number[];
      arrays.forEach(({ name, values }, index) => {
        const column = shown.columns.get(name) ?? new Growing();
        column.put(firsts[index] ?? 0, values);
        shown.columns.set(name, column);
      });
      change({ points: known.points + 1 });
      break;
    }
    case 'waterfall': {
      const shown = known.shown;
      const [array] = arrays;
      if (shown === null || shown.heading.scan !== header.scan || array === undefined) return;
      const { every, merged, index } = header as unknown as Fall;
      shown.falls.set(header.channel as string, { every, merged, index, shape: array.shape, values: array.values });
      change({ points: known.points + 1 });
      break;
    }
    case 'array': {
      const shown = known.shown;
      const [array] = arrays;
      if (shown === null || shown.heading.scan !== header.scan || array === undefined) return;
      shown.arrays.set(header.channel as string, { index: header.index as number, shape: array.shape, values: array.values });
      change({ points: known.points + 1 });
      break;
    }
  }
}
