// A device by its own description: state, attributes, strip charts; operators write attributes and run commands.

import { useEffect, useRef, useState } from 'react';
import { ask } from './connection';
import type { Numbers } from './messages';
import type { PanelDevice } from './Panels';
import { shortly } from './pick';
import { usePart } from './store';
import { StripChart } from './StripChart';

export interface Attribute {
  name: string;
  unit: string;
  about: string;
  value: number | boolean | string | null;
  kind: 'number' | 'flag' | 'text' | 'choice' | 'array';
  choices: string[];
  writable: boolean;
  bounds: [string, string];
}

interface Told {
  state: string;
  status: string;
  attributes: Attribute[];
  commands: { name: string; about: string }[];
  trouble: string;
}

export type Course = Map<string, number[]>; // `time` in s since 1970, and attributes

const PERIOD = 1000; // ms between two questions
const KEPT = 900; // readings of a strip chart

interface Props {
  shown: PanelDevice;
  change: (to: PanelDevice) => void;
  up?: () => void;
  remove: () => void;
}

export function DeviceView({ shown, change, up, remove }: Props) {
  const role = usePart((known) => known.role);
  const { device, chart } = shown;
  const [told, setTold] = useState<Told | null>(null);
  const [refused, setRefused] = useState('');
  const [lost, setLost] = useState('');
  const [choosing, setChoosing] = useState(false);
  const course = useRef<Course>(new Map());
  const key = JSON.stringify([device, chart]);
  useEffect(() => {
    let timer = 0;
    let wanted = true;
    course.current = new Map();
    const look = async () => {
      try {
        const times = course.current.get('time') ?? [];
        const answer = await ask({ do: 'device', device, chart, since: times[times.length - 1] ?? 0 });
        if (!wanted) return;
        course.current = grown(course.current, answer.arrays as { name: string; values: Numbers }[]);
        setTold(answer as unknown as Told);
        setLost('');
      } catch (error) {
        if (wanted) setLost((error as Error).message);
      }
      if (wanted) timer = window.setTimeout(() => void look(), PERIOD);
    };
    void look();
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [key]);
  const order = (what: { do: string; [key: string]: unknown }) =>
    void ask({ device, ...what }).then(() => setRefused(''), (error: Error) => setRefused(error.message));
  const attributes = (told?.attributes ?? []).filter(({ name }) => choosing || shown.attributes.length === 0 || shown.attributes.includes(name));
  const toggled = (all: string[], name: string) => (all.includes(name) ? all.filter((one) => one !== name) : [...all, name]);
  return (
    <article className="device" aria-label={device}>
      <header>
        <b>{device}</b> <span className={`state ${told?.state ?? ''}`}>{told?.state ?? '…'}</span>
        <span className="right">
          <button aria-pressed={choosing} onClick={() => setChoosing(!choosing)} title="choose what is shown">choose</button>
          {up !== undefined && <button aria-label={`move ${device} up`} onClick={up}>↑</button>}
          <button aria-label={`remove ${device}`} onClick={remove}>×</button>
        </span>
      </header>
      {(refused || lost || told?.trouble) && <p className="trouble" role="alert">{refused || lost || told?.trouble}</p>}
      <table>
        <tbody>
          {attributes.map((one) => (
            <tr key={one.name} title={one.about}>
              {choosing && (
                <td>
                  <input type="checkbox" aria-label={`show ${one.name}`} checked={shown.attributes.length === 0 || shown.attributes.includes(one.name)} onChange={() => change({ ...shown, attributes: toggled(shown.attributes.length === 0 ? attributes.map(({ name }) => name) : shown.attributes, one.name) })} />
                  {one.kind !== 'text' && one.kind !== 'array' && (
                    <button aria-pressed={chart.includes(one.name)} disabled={!chart.includes(one.name) && chart.length >= 4} onClick={() => change({ ...shown, chart: toggled(chart, one.name) })}>chart</button>
                  )}
                </td>
              )}
              <th scope="row">{one.name}</th>
              <td className="value">{text(one)}</td>
              <td>{one.unit}</td>
              {role === 'operator' && <td>{one.writable && <Field device={device} attribute={one} write={(value) => order({ do: 'write', attribute: one.name, value })} />}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {role === 'operator' && (told?.commands.length ?? 0) > 0 && (
        <div className="choices">
          {told!.commands.map(({ name, about }) => (
            <button key={name} title={about} className={name === 'Stop' || name === 'Abort' ? 'stop' : ''} onClick={() => order({ do: 'command', command: name })}>{name}</button>
          ))}
        </div>
      )}
      {chart.length > 0 && <StripChart course={course.current} names={chart} />}
    </article>
  );
}

function text({ value, kind, choices }: Attribute): string {
  if (value === null) return '–';
  if (kind === 'choice') return choices[Number(value)] ?? String(value);
  if (kind === 'flag') return value ? 'yes' : 'no';
  return typeof value === 'number' ? shortly(value) : String(value);
}

function Field({ device, attribute, write }: { device: string; attribute: Attribute; write: (value: number | boolean | string) => void }) {
  const [typed, setTyped] = useState('');
  const { name, kind, choices, value, bounds } = attribute;
  const label = `set ${name} of ${device}`;
  if (kind === 'flag') return <input type="checkbox" aria-label={label} checked={value === true} onChange={(event) => write(event.target.checked)} />;
  if (kind === 'choice') {
    return (
      <select aria-label={label} value={Number(value)} onChange={(event) => write(Number(event.target.value))}>
        {choices.map((one, n) => <option key={one} value={n}>{one}</option>)}
      </select>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (kind === 'text') write(typed);
        else if (typed.trim() !== '' && Number.isFinite(Number(typed))) write(Number(typed));
      }}
    >
      <input className="short" aria-label={label} placeholder={bounds.some((one) => one !== '') ? bounds.map((one) => one || '…').join(' … ') : 'set'} value={typed} onChange={(event) => setTyped(event.target.value)} />
    </form>
  );
}

function grown(course: Course, arrays: { name: string; values: Numbers }[]): Course {
  return new Map(arrays.map(({ name, values }) => [name, [...(course.get(name) ?? []), ...values].slice(-KEPT)]));
}
