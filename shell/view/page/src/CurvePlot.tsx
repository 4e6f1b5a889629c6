// Curves of a scan while it runs, drawn by uPlot; the values under the cursor stand in its legend.

import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { curves, INDEX, type Choice } from './curve';
import type { Shown } from './store';
import { useSize } from './size';
import { colours } from './colours';

interface Props {
  shown: Shown;
  choice: Choice;
  logarithmic: boolean;
  version: number; // another number when points came
}

export function CurvePlot({ shown, choice, logarithmic, version }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [width, height] = useSize(box);
  const { x, ys, ordered } = curves(shown, choice);
  const unit = (name: string) => shown.heading.channels.find((channel) => channel.name === name)?.unit ?? '';
  const key = JSON.stringify([choice, logarithmic, ordered, shown.heading.scan]);

  useEffect(() => {
    if (box.current === null) return undefined;
    const names = [...choice.left, ...choice.right];
    const { line, grid, series } = colours();
    const axis = { stroke: line, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid } };
    const made = new uPlot(
      {
        width: width || 400,
        height: height || 300,
        scales: { x: { time: false }, y: { distr: logarithmic ? 3 : 1 }, right: { distr: logarithmic ? 3 : 1 } },
        axes: [
          { ...axis, label: labelled(choice.x, unit(choice.x)) },
          { ...axis, label: choice.left.join(', '), size: 70 },
          { ...axis, scale: 'right', side: 1, label: choice.right.join(', '), show: choice.right.length > 0, size: 70 },
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
        ],
        cursor: { focus: { prox: 30 } },
      },
      [x, ...ys.map((y) => y.values)] as uPlot.AlignedData,
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

  useEffect(() => {
    plot.current?.setData([x, ...ys.map((y) => y.values)] as uPlot.AlignedData);
  }, [version, key]);

  useEffect(() => {
    if (width > 0 && height > 0) plot.current?.setSize({ width, height: Math.max(height - LEGEND, 120) });
  }, [width, height, key]);

  return <div className="plot" ref={box} data-points={x.length} aria-label={`${choice.left.join(', ')} against ${choice.x}`} role="img" />;
}

const LEGEND = 40; // px that uPlot's legend takes below its canvas

function labelled(name: string, unit: string): string {
  return name === INDEX || unit === '' ? name : `${name} [${unit}]`;
}

function shortly(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : Number(value.toPrecision(7)).toString();
}
