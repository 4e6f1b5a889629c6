// A row or a column of an image as a small curve.

import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { colours } from './colours';
import { useSize } from './size';

export function Profile({ label, values, at }: { label: string; values: ArrayLike<number>; at: number }) {
  const box = useRef<HTMLDivElement>(null);
  const [width, height] = useSize(box);
  useEffect(() => {
    if (box.current === null || width === 0) return undefined;
    const { line, grid, series } = colours();
    const axis = { stroke: line, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid } };
    const plot = new uPlot(
      {
        width,
        height,
        scales: { x: { time: false } },
        legend: { show: false },
        title: `${label}: ${values[at]} at ${at}`,
        axes: [axis, { ...axis, size: 60 }],
        series: [{}, { stroke: series[0]!, width: 1, points: { show: false } }],
      },
      [Array.from(values, (_, n) => n), Array.from(values)],
      box.current,
    );
    return () => plot.destroy();
  }, [label, values, at, width, height]);
  return <div className="profile" ref={box} role="img" aria-label={`profile of ${label}`} />;
}
