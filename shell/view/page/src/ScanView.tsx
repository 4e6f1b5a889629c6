// The scan that is looked at: what it is, and its curves or its map.

import { useEffect, useState } from 'react';
import { ArrayPlot } from './ArrayPlot';
import { useAskedChoice } from './asked';
import { watch } from './connection';
import { CurvePlot } from './CurvePlot';
import { arrays, drawn, first, INDEX, type Choice } from './curve';
import { Figures } from './Figures';
import { MapPlot } from './MapPlot';
import { useKnown, type Shown } from './store';

export function ScanView() {
  const { shown, points } = useKnown();
  const [choice, setChoice] = useState<Choice | null>(null);
  const [logarithmic, setLogarithmic] = useState(false);
  const [array, setArray] = useState('');
  const scan = shown?.heading.scan;
  useEffect(() => setChoice(shown === null ? null : first(shown)), [scan]);
  useAskedChoice(shown, setChoice);
  const looked = shown === null ? undefined : arrays(shown.heading.channels).find(({ name }) => name === array);
  useEffect(() => watch(looked === undefined ? [] : [looked.name]), [looked?.name]);
  if (shown === null || choice === null) return <section className="scan empty">No scan yet.</section>;
  const numbers = drawn(shown.heading.channels);
  const counters = numbers.filter((channel) => channel.role === '');
  const map = shown.heading.grid !== null;
  const [y] = choice.left;
  return (
    <section className="scan" data-number={shown.heading.number}>
      <ScanHeading shown={shown} />
      <div className="choices">
        {!map && (
          <label>
            against
            <select value={choice.x} onChange={(event) => setChoice({ ...choice, x: event.target.value })}>
              {numbers.map(({ name }) => <option key={name}>{name}</option>)}
              <option>{INDEX}</option>
            </select>
          </label>
        )}
        {!map && (
          <label>
            divided by
            <select value={choice.divideBy} onChange={(event) => setChoice({ ...choice, divideBy: event.target.value })}>
              <option value="">–</option>
              {counters.map(({ name }) => <option key={name}>{name}</option>)}
            </select>
          </label>
        )}
        <Toggle text="logarithmic" on={logarithmic} change={setLogarithmic} />
        {!map && <Toggle text="derivative" on={choice.derivative} change={(derivative) => setChoice({ ...choice, derivative })} />}
        <fieldset>
          {counters.map(({ name, about }) => (
            <button
              key={name}
              title={about || name}
              aria-pressed={choice.left.includes(name) || choice.right.includes(name)}
              className={choice.right.includes(name) ? 'right' : ''}
              onClick={() => setChoice(map ? { ...choice, left: [name] } : next(choice, name))}
            >
              {name}
            </button>
          ))}
          {arrays(shown.heading.channels).map(({ name, about }) => (
            <button key={name} title={about || name} className="array" aria-pressed={name === array} onClick={() => setArray(name === array ? '' : name)}>
              {name}
            </button>
          ))}
        </fieldset>
      </div>
      {!map && y !== undefined && choice.x !== INDEX && (
        <Figures scan={shown.heading.scan} x={choice.x} y={y} over={shown.heading.over} points={points} />
      )}
      {looked !== undefined && <ArrayPlot shown={shown} channel={looked} logarithmic={logarithmic} />}
      {map ? (
        <MapPlot shown={shown} channel={choice.left[0] ?? ''} logarithmic={logarithmic} />
      ) : (
        <CurvePlot shown={shown} choice={choice} logarithmic={logarithmic} version={points} />
      )}
    </section>
  );
}

// A counter goes from not shown to the left axis, to the right axis, and away again.
function next(choice: Choice, name: string): Choice {
  if (choice.left.includes(name)) {
    return { ...choice, left: choice.left.filter((one) => one !== name), right: [...choice.right, name] };
  }
  if (choice.right.includes(name)) return { ...choice, right: choice.right.filter((one) => one !== name) };
  return { ...choice, left: [...choice.left, name] };
}

function ScanHeading({ shown }: { shown: Shown }) {
  const { number, title, state, sentence, points, trouble, dataset } = shown.heading;
  const done = Math.max(0, ...[...shown.columns.values()].map((column) => column.length));
  return (
    <header>
      <h2>{`${number}  ${title}`}</h2>
      <p>
        <span className={`state ${state}`}>{state}</span>
        {` ${points === null ? done : `${done} of ${points}`} points ${dataset} `}
        {sentence !== '' && <em>{sentence}</em>}
        {trouble !== '' && <em className="trouble">{trouble}</em>}
      </p>
      {points !== null && <progress value={Math.min(done, points)} max={points} aria-label="points" />}
    </header>
  );
}

function Toggle({ text, on, change }: { text: string; on: boolean; change: (on: boolean) => void }) {
  return (
    <label>
      <input type="checkbox" checked={on} onChange={(event) => change(event.target.checked)} />
      {text}
    </label>
  );
}
