// Which earlier scans are drawn beside the one that is looked at.

import { usePart } from './store';

const OFFERED = 30; // scans in the list
const MOST = 4; // drawn at once

export function Comparison({ scan, others, change }: { scan: string; others: string[]; change: (others: string[]) => void }) {
  const scans = usePart((known) => known.scans);
  const free = scans.filter((one) => one.scan !== scan && !others.includes(one.scan)).slice(0, OFFERED);
  const name = (wanted: string) => scans.find((one) => one.scan === wanted)?.number ?? '?';
  return (
    <span className="comparison">
      <label>
        beside
        <select value="" disabled={others.length >= MOST} onChange={(event) => change([...others, event.target.value])}>
          <option value="">scan…</option>
          {free.map((one) => <option key={one.scan} value={one.scan}>{`${one.number}  ${one.title}`}</option>)}
        </select>
      </label>
      {others.map((one) => (
        <button key={one} title="draw it no longer" onClick={() => change(others.filter((each) => each !== one))}>{`#${name(one)} ×`}</button>
      ))}
    </span>
  );
}
