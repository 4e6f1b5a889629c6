// Curves of a scan while it runs, drawn by uPlot; the values under the cursor stand in its legend. A click, or Enter,
// picks the point under the cursor, which the arrow keys move too.

import { useEffect, useRef, type KeyboardEvent } from 'react';
import uPlot from 'uplot';
import { colours } from './colours';
import { curves, INDEX, type Choice } from './curve';
import type { CurveFigures } from './Figures';
import { drawMarkers } from './markers';
import type { Overlaid } from './overlaid';
import { shortly, type Pick } from './pick';
import { useSize } from './size';
import type { Shown } from './store';

interface Props {
  shown: Shown;
  choice: Choice;
  logarithmic: boolean;
  version: number; // another number when points came
  overlaid: Overlaid[];
  figures: CurveFigures | null; // null: no markers
  picked: Pick[];
  pick: (pick: Pick) => void;
}

const MOVED = 4; // px: a click that moved farther was a zoom

export function CurvePlot({ shown, choice, logarithmic, version, overlaid, figures, picked, pick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [width, height] = useSize(box);
  const { x, ys, ordered } = curves(shown, choice);
  const names = [...choice.left, ...choice.right];
  const unit = (name: string) => shown.heading.channels.find((channel) => channel.name === name)?.unit ?? '';
  const others = overlaid.flatMap(({ number, curves }) => curves.ys.map(({ name, right }) => ({ label: `${name} #${number}`, right })));
  const key = JSON.stringify([choice, logarithmic, ordered, shown.heading.scan, others]);
  const data = joined([x, ...ys.map((y) => y.values)], overlaid, logarithmic);
  const now = useRef({ figures, picked, pick, names });
  now.current = { figures, picked, pick, names };

  const choose = () => {
    const made = plot.current;
    const at = made?.cursor.idx;
    if (made === null || at === null || at === undefined) return;
    const place = made.data[0][at]!;
    const values = now.current.names.map((name, n) => [name, made.data[n + 1]?.[at]] as const);
    now.current.pick({
      channel: now.current.names[0] ?? '',
      index: indexOf(shown, choice.x, place),
      positions: choice.x === INDEX ? {} : { [choice.x]: place },
      pixel: [],
      values: Object.fromEntries(values.filter((one): one is readonly [string, number] => typeof one[1] === 'number')),
    });
  };

  useEffect(() => {
    if (box.current === null) return undefined;
    const { line, grid, faint, series, font, scale: larger } = colours();
    const axis = { stroke: line, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid }, font, labelFont: font, labelSize: 30 * larger };
    const scale = { distr: logarithmic ? 3 : 1 } as const;
    const divided = choice.divideBy === '' ? '' : ` / ${choice.divideBy}`;
    const about = (side: string[]) => (side.length === 0 ? '' : `${choice.derivative ? 'slope of ' : ''}${side.join(', ')}${divided}`);
    let down = { x: 0, y: 0 };
    const made = new uPlot(
      {
        width: width || 400,
        height: height || 300,
        scales: { x: { time: false }, y: scale, right: scale },
        axes: [
          { ...axis, label: labelled(choice.x, unit(choice.x)), size: 50 * larger },
          { ...axis, label: about(choice.left), size: 70 * larger },
          { ...axis, scale: 'right', side: 1, label: about(choice.right), show: choice.right.length > 0, size: 70 * larger, grid: { show: false } },
        ],
        series: [
          { label: labelled(choice.x, unit(choice.x)), value: (_, v) => shortly(v) },
          ...names.map((name, index) => ({
            label: name,
            scale: index < choice.left.length ? 'y' : 'right',
            stroke: series[index % series.length]!,
            width: ordered ? 1.5 : 0,
            points: { show: ordered ? undefined : true, size: 5 },
            value: (_: uPlot, v: number | null) => shortly(v),
          })),
          ...others.map(({ label, right }, index) => ({
            label,
            scale: right ? 'right' : 'y',
            stroke: faint,
            dash: DASHES[index % DASHES.length]!,
            width: 1.2,
            points: { show: false },
            value: (_: uPlot, v: number | null) => shortly(v),
          })),
        ],
        cursor: { focus: { prox: 30 } },
        hooks: {
          draw: [(one) => drawMarkers(one, now.current.figures, now.current.picked, choice.x)],
          ready: [
            (one) => {
              one.over.addEventListener('mousedown', (event) => (down = { x: event.clientX, y: event.clientY }));
              one.over.addEventListener('mouseup', (event) => {
                if (Math.hypot(event.clientX - down.x, event.clientY - down.y) <= MOVED) choose();
              });
            },
          ],
        },
      },
      data,
      box.current,
    );
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
    // points are given to the plot that exists, below
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key]);

  useEffect(() => plot.current?.setData(data), [version, key, overlaid]);
  useEffect(() => plot.current?.redraw(false, true), [figures, picked]);

  useEffect(() => {
    const legend = box.current?.querySelector('.u-legend')?.clientHeight ?? 0;
    if (width > 0 && height > 0) plot.current?.setSize({ width, height: Math.max(height - legend - 4, 120) });
  }, [width, height, key]);

  const typed = (event: KeyboardEvent) => {
    const made = plot.current;
    if (made === null) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      const last = made.data[0].length - 1;
      const at = Math.min(Math.max((made.cursor.idx ?? (step > 0 ? -1 : last + 1)) + step, 0), last);
      made.setCursor({ left: made.valToPos(made.data[0][at] ?? 0, 'x'), top: made.over.clientHeight / 2 });
    } else if (event.key === 'Enter') choose();
    else return;
    event.preventDefault();
  };

  return (
    <div
      className="plot curve"
      ref={box}
      data-points={x.length}
      aria-label={`${choice.left.join(', ')} against ${choice.x}`}
      role="img"
      tabIndex={0}
      onKeyDown={typed}
    />
  );
}

const DASHES = [[8, 4], [2, 3], [10, 3, 2, 3], [4, 4]];

function labelled(name: string, unit: string): string {
  return name === INDEX || unit === '' ? name : `${name} [${unit}]`;
}

// Where in the scan a value of x was measured.
function indexOf({ columns }: Shown, x: string, place: number): number | null {
  if (x === INDEX) return place;
  const at = columns.get(x)?.values.indexOf(place) ?? -1;
  return at < 0 ? null : at;
}

// What uPlot draws: other scans at their own positions, gaps where there is no number, or none that a logarithm has.
function joined(own: Float64Array[], overlaid: Overlaid[], logarithmic: boolean): uPlot.AlignedData {
  const plain = (values: Float64Array) => (values.every((v) => Number.isFinite(v) && (!logarithmic || v > 0)) ? values : Array.from(values, (v) => (Number.isFinite(v) && (!logarithmic || v > 0) ? v : null)));
  const tables = [own, ...overlaid.map(({ curves }) => [curves.x, ...curves.ys.map((y) => y.values)])].map(([x, ...ys]) => {
    const good = x!.every(Number.isFinite) ? null : x!.map((_, n) => n).filter((n) => Number.isFinite(x![n]));
    const kept = (values: Float64Array) => (good === null ? values : good.map((n) => values[n]!));
    return [kept(x!), ...ys.map((y) => plain(kept(y)))] as uPlot.AlignedData;
  });
  return tables.length === 1 ? tables[0]! : uPlot.join(tables);
}
