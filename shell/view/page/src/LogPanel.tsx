// The logbook: what people typed and noted, errors and scans; read while it is open.

import { useEffect, useState } from 'react';
import { bearer } from './connection';

const PERIOD = 3000; // ms

interface Entry {
  identifier: string;
  time: number;
  kind: string;
  text: string;
  user: string;
  session: string;
}

export function LogPanel() {
  const [open, setOpen] = useState(false);
  const [entries, setEntries] = useState<Entry[]>([]);
  useEffect(() => {
    if (!open) return undefined;
    const read = () =>
      void fetch('logbook', { headers: bearer() })
        .then((answer) => (answer.ok ? answer.json() : { entries: [] }))
        .then((told: { entries: Entry[] }) => setEntries(told.entries.reverse()))
        .catch(() => undefined); // the server is away: the page says so
    read();
    const timer = setInterval(read, PERIOD);
    return () => clearInterval(timer);
  }, [open]);
  return (
    <details className="log" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>log</summary>
      <ol aria-label="log">
        {entries.map(({ identifier, time, kind, text, user }) => (
          <li key={identifier} className={`log-${kind}`}>
            <time>{new Date(time * 1000).toLocaleTimeString('en-GB')}</time> <b>{user}</b> {text}
          </li>
        ))}
      </ol>
    </details>
  );
}
