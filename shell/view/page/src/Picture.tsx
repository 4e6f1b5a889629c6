// A small picture of a scan, asked for when it comes into sight; once, if the scan has ended.

import { useEffect, useRef, useState } from 'react';
import { bearer } from './connection';
import type { ScanLine } from './store';

const WIDTH = 60;
const HEIGHT = 22;

export function Picture({ scan }: { scan: ScanLine }) {
  const box = useRef<SVGSVGElement>(null);
  const [seen, setSeen] = useState(false);
  const [values, setValues] = useState<number[]>([]);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => setSeen(entries.some((entry) => entry.isIntersecting)));
    if (box.current !== null) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!seen) return undefined;
    const asking = new AbortController();
    fetch(`picture?${new URLSearchParams({ scan: scan.scan })}`, { headers: bearer(), signal: asking.signal })
      .then((answer) => (answer.ok ? answer.json() : { values: [] }))
      .then((told: { values: number[] }) => setValues(told.values))
      .catch(() => undefined); // the server is away: the page says so
    return () => asking.abort();
  }, [seen, scan.scan, scan.state]);
  return (
    <svg ref={box} className="picture" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <polyline points={path(values)} />
    </svg>
  );
}

function path(values: number[]): string {
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const step = WIDTH / Math.max(values.length - 1, 1);
  return values.map((value, n) => `${(n * step).toFixed(1)},${(HEIGHT - 1 - ((value - low) / range) * (HEIGHT - 2)).toFixed(1)}`).join(' ');
}
