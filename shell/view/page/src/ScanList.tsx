// The scans in memory, the newest first; one of them is looked at, or always the newest.

import { useState } from 'react';
import { show } from './connection';
import { useKnown } from './store';

export function ScanList() {
  const { scans, shown } = useKnown();
  const [search, setSearch] = useState('');
  const [newest, setNewest] = useState(true);
  const fitting = scans.filter((scan) => `${scan.number} ${scan.title} ${scan.sample} ${scan.dataset}`.toLowerCase().includes(search.toLowerCase()));
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
            <button aria-current={scan.scan === shown?.heading.scan} onClick={() => choose(scan.scan)} title={scan.sentence || scan.title}>
              <span className={`state ${scan.state}`} aria-label={scan.state} />
              <b>{scan.number}</b> <span className="title">{scan.title}</span>
              <time>{new Date(scan.started * 1000).toLocaleTimeString('en-GB')}</time>
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
