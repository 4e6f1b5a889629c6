// The scans in memory, the newest first; one of them is looked at, or always the newest.

import { useState } from 'react';
import { show } from './connection';
import { LogPanel } from './LogPanel';
import { Picture } from './Picture';
import { usePart, type ScanLine } from './store';

export function ScanList() {
  const scans = usePart((known) => known.scans);
  const looked = usePart((known) => known.shown?.heading.scan);
  const [search, setSearch] = useState('');
  const [newest, setNewest] = useState(true);
  const fitting = scans.filter((scan) => `${scan.number} ${scan.title} ${scan.sample} ${scan.dataset} ${scan.user} ${scan.session} ${scan.state}`.toLowerCase().includes(search.toLowerCase()));
  const choose = (scan: string | null) => {
    setNewest(scan === null);
    show(scan ?? 'newest');
  };
  return (
    <nav className="scans" aria-label="scans">
      <input type="search" placeholder="search scans" value={search} onChange={(event) => setSearch(event.target.value)} />
      <button aria-pressed={newest} onClick={() => choose(null)}>always the newest</button>
      <ul>
        {fitting.map((scan) => (
          <li key={scan.scan}>
            <button aria-current={scan.scan === looked} onClick={() => choose(scan.scan)} title={scan.sentence || scan.title}>
              <span className={`state ${scan.state}`} aria-label={scan.state} />
              <b>{scan.number}</b> <span className="title">{scan.title}</span>
              <Picture scan={scan} />
              <time>{new Date(scan.started * 1000).toLocaleTimeString('en-GB')}</time>
            </button>
            {scan.scan === looked && <small>{metadata(scan)}</small>}
          </li>
        ))}
      </ul>
      <LogPanel />
    </nav>
  );
}

// What is known of a scan beside its title.
function metadata({ user, session, sample, dataset, started, ended, points, sentence }: ScanLine): string {
  const lasted = ended === null ? '' : `${(ended - started).toFixed(1)} s`;
  const told = { user, session, sample, dataset, points: points ?? '', lasted, why: sentence };
  return Object.entries(told)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name} ${value}`)
    .join(' · ');
}
