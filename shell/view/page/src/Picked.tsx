// The places that were picked, A and B, with their values and what lies between them.

import { useState } from 'react';
import { ask } from './connection';
import { described, shortly, type Pick } from './pick';
import { usePart } from './store';

export function Picked({ picked, clear }: { picked: Pick[]; clear: () => void }) {
  const role = usePart((known) => known.role);
  const [a, b] = picked;
  if (a === undefined) return null;
  return (
    <div className="picked" role="status" aria-label="picked places">
      {picked.map((one, n) => <span key={n}><b>{'AB'[n]}</b>{` ${described(one)}`}</span>)}
      {b !== undefined && <span><b>B − A</b>{` ${difference(a, b)}`}</span>}
      {role === 'operator' && <Note place={b ?? a} />}
      <button onClick={clear} aria-label="forget the picked places">×</button>
    </div>
  );
}

function difference(a: Pick, b: Pick): string {
  const minus = (from: Record<string, number>, to: Record<string, number>) =>
    Object.keys(to).flatMap((name) => (from[name] === undefined ? [] : [`${name} ${shortly(to[name]! - from[name]!)}`]));
  return [...minus(a.positions, b.positions), ...minus(a.values, b.values)].join(', ');
}

// A note about the place that was picked last.
function Note({ place }: { place: Pick }) {
  const [note, setNote] = useState('');
  const [told, setTold] = useState('');
  return (
    <form
      className="note"
      onSubmit={(event) => {
        event.preventDefault();
        ask({ do: 'mark', ...finite(place), note }).then(
          (answer) => {
            setNote('');
            setTold(answer.told as string);
          },
          (error: Error) => setTold(error.message),
        );
      }}
    >
      <input value={note} placeholder="note about this place" aria-label="note about this place" maxLength={500} onChange={(event) => setNote(event.target.value)} />
      <button type="submit" disabled={note.trim() === ''}>keep</button>
      {told !== '' && <span role="alert">{told}</span>}
    </form>
  );
}

// JSON has no NaN.
export function finite(place: Pick): Pick {
  return { ...place, values: Object.fromEntries(Object.entries(place.values).filter(([, value]) => Number.isFinite(value))) };
}
