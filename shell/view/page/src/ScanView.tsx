// The scan that is looked at: what it is, and its curves or its map.

import { useEffect, useRef, useState } from 'react';
import { ArrayPlot } from './ArrayPlot';
import { useAskedChoice } from './asked';
import { Comparison } from './Comparison';
import { ask, watch } from './connection';
import { CurvePlot } from './CurvePlot';
import { arrays, curves, drawn, first, INDEX, type Choice } from './curve';
import { csv } from './download';
import { Downloads } from './Downloads';
import { Figures, useFigures } from './Figures';
import type { Pixels } from './Heatmap';
import { FileButton } from './FileButton';
import { MapPlot } from './MapPlot';
import { useOverlaid } from './overlaid';
import type { Pick } from './pick';
import { finite, Picked } from './Picked';
import { Region } from './Region';
import { useKnown, type Shown } from './store';

export function ScanView() {
  const { shown, points, role } = useKnown();
  const [choice, setChoice] = useState<Choice | null>(null);
  const [logarithmic, setLogarithmic] = useState(false);
  const [array, setArray] = useState('');
  const [others, setOthers] = useState<string[]>([]);
  const [markers, setMarkers] = useState(true);
  const [picked, setPicked] = useState<Pick[]>([]);
  const [region, setRegion] = useState<{ channel: string; pixels: Pixels } | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const scan = shown?.heading.scan;
  useEffect(() => {
    setChoice(shown === null ? null : first(shown));
    setOthers([]);
    setPicked([]);
    setRegion(null);
  }, [scan]);
  useAskedChoice(shown, setChoice);
  const overlaid = useOverlaid(others, shown === null || shown.heading.grid !== null ? null : choice);
  const figures = useFigures(scan ?? '', shown?.heading.grid === null ? choice : null, shown?.heading.over ?? true, points);
  const looked = shown === null ? undefined : arrays(shown.heading.channels).find(({ name }) => name === array);
  useEffect(() => watch(looked === undefined ? [] : [looked.name]), [looked?.name]);
  if (shown === null || choice === null) return <section className="scan empty">No scan yet.</section>;
  const numbers = drawn(shown.heading.channels);
  const counters = numbers.filter((channel) => channel.role === '');
  const map = shown.heading.grid !== null;
  const pick = (one: Pick) => {
    setPicked(picked.length === 1 && picked[0]!.channel === one.channel ? [picked[0]!, one] : [one]);
    if (role === 'operator' && Object.keys(one.positions).length > 0) void ask({ do: 'click', ...finite(one) }).catch(() => undefined); // nobody need wait for it
  };
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
        {!map && <Toggle text="markers" on={markers} change={setMarkers} />}
        {!map && <Comparison scan={shown.heading.scan} others={others} change={setOthers} />}
        {!map && <Downloads box={box} name={`scan_${shown.heading.number}`} title={`${shown.heading.number}  ${shown.heading.title}`} data={() => table(shown, choice)} />}
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
      {!map && choice.x !== INDEX && <Figures figures={figures} unit={shown.heading.channels.find(({ name }) => name === choice.x)?.unit ?? ''} />}
      <Picked picked={picked} clear={() => setPicked([])} />
      {region !== null && <Region {...region} close={() => setRegion(null)} />}
      {looked !== undefined && <ArrayPlot key={looked.name} shown={shown} channel={looked} logarithmic={logarithmic} pick={pick} region={role === 'operator' && looked.shape.length === 2 ? (pixels) => setRegion({ channel: looked.name, pixels }) : undefined} />}
      {map ? (
        <MapPlot shown={shown} channel={choice.left[0] ?? ''} logarithmic={logarithmic} version={points} pick={pick} />
      ) : (
        <div className="plot" ref={box}>
          <CurvePlot
            shown={shown}
            choice={choice}
            logarithmic={logarithmic}
            version={points}
            overlaid={overlaid}
            figures={markers ? figures : null}
            picked={picked}
            pick={pick}
          />
        </div>
      )}
    </section>
  );
}

// What is drawn, as numbers.
function table(shown: Shown, choice: Choice): Blob {
  const { x, ys } = curves(shown, choice);
  return csv([{ name: choice.x, values: x }, ...ys]);
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
  const { scan, number, title, state, sentence, points, trouble, dataset } = shown.heading;
  const done = Math.max(0, ...[...shown.columns.values()].map((column) => column.length));
  return (
    <header>
      <h2 title={title}>{`${number}  ${title}`}</h2>
      <p>
        <span className={`state ${state}`}>{state}</span>
        {` ${points === null ? done : `${done} of ${points}`} points ${dataset} `}
        {sentence !== '' && <em>{sentence}</em>}
        {trouble !== '' && <em className="trouble">{trouble}</em>}
        <FileButton scan={scan} />
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
