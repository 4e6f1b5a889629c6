// How attributes of a device went, as far as the server has read them.

import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { colours } from './colours';
import type { Course } from './DeviceView';
import { useSize } from './size';

export function StripChart({ course, names }: { course: Course; names: string[] }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [width] = useSize(box);
  const key = JSON.stringify(names);
  const times = course.get('time') ?? [];
  useEffect(() => {
    if (box.current === null || width === 0) return undefined;
    const { line, grid, series } = colours();
    const axis = { stroke: line, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid } };
    plot.current = new uPlot(
      {
        width,
        height: 140,
        axes: [axis, { ...axis, size: 60 }],
        series: [{}, ...names.map((label, n) => ({ label, stroke: series[n]!, width: 1.5, points: { show: false } }))],
      },
      [[], ...names.map(() => [])],
      box.current,
    );
    return () => plot.current?.destroy();
  }, [key, width]);
  useEffect(() => {
    plot.current?.setData([times, ...names.map((name) => times.map((_, n) => finite(course.get(name)?.[n])))] as uPlot.AlignedData);
  }, [times[times.length - 1], key, width]);
  return <div className="chart" ref={box} role="img" aria-label={`course of ${names.join(', ')}`} data-points={times.length} />;
}

function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}
