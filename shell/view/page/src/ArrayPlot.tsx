// The latest image or spectrum of a scan, or all its spectra as a waterfall; and profiles through the pixel that was picked.

import { LineVis, ScaleType, getDomain } from '@h5web/lib';
import ndarray from 'ndarray';
import { useEffect, useMemo, useRef, useState } from 'react';
import { fall } from './connection';
import { csv, matrix } from './download';
import { Downloads } from './Downloads';
import { Heatmap, type Pixels } from './Heatmap';
import type { Numbers } from './messages';
import type { Pick } from './pick';
import { Profile } from './Profile';
import type { Channel, Latest, Shown } from './store';

interface Props {
  shown: Shown;
  channel: Channel;
  logarithmic: boolean;
  pick: (pick: Pick) => void;
  region?: (region: Pixels) => void;
}

export function ArrayPlot(props: Props) {
  const { shown, channel } = props;
  const [all, setAll] = useState(false);
  const spectrum = channel.shape.length === 1;
  useEffect(() => {
    fall(spectrum && all ? [channel.name] : []);
    return () => fall([]);
  }, [channel.name, spectrum && all]);
  const latest = shown.arrays.get(channel.name);
  if (latest === undefined) return <div className="plot empty">{`${channel.name}: nothing came yet`}</div>;
  return (
    <div className="arrayview">
      {spectrum && (
        <label className="choices">
          <input type="checkbox" checked={all} onChange={(event) => setAll(event.target.checked)} />
          waterfall of all points
        </label>
      )}
      {spectrum ? all ? <Waterfall {...props} /> : <Spectrum {...props} latest={latest} /> : <Image {...props} latest={latest} />}
    </div>
  );
}

function Image({ shown, channel, logarithmic, latest, pick, region }: Props & { latest: Latest }) {
  const values = useMemo(() => ndarray(latest.values, latest.shape), [latest]);
  const [at, setAt] = useState<[number, number] | null>(null);
  const [rows = 0, columns = 0] = latest.shape;
  const inside = at !== null && at[0] < rows && at[1] < columns ? at : null;
  return (
    <>
      <Heatmap
        values={values}
        title={`${channel.name}, point ${latest.index}`}
        name={`scan_${shown.heading.number}_${channel.name}_${latest.index}`}
        logarithmic={logarithmic}
        aspect="equal"
        flip
        across={{ label: 'column' }}
        down={{ label: 'row' }}
        pick={(row, column) => {
          setAt([row, column]);
          pick({ channel: channel.name, index: latest.index, positions: {}, pixel: [row, column], values: { [channel.name]: values.get(row, column) } });
        }}
        region={region}
        data={() => matrix(latest.shape, latest.values)}
        attributes={{ 'data-index': latest.index }}
      />
      {inside !== null && (
        <div className="profiles">
          <Profile label={`row ${inside[0]}`} values={latest.values.subarray(inside[0] * columns, (inside[0] + 1) * columns)} at={inside[1]} />
          <Profile label={`column ${inside[1]}`} values={Float64Array.from({ length: rows }, (_, row) => values.get(row, inside[1]))} at={inside[0]} />
        </div>
      )}
    </>
  );
}

function Spectrum({ shown, channel, logarithmic, latest }: Props & { latest: Latest }) {
  const box = useRef<HTMLDivElement>(null);
  const values = ndarray(latest.values, latest.shape);
  const scale = logarithmic ? ScaleType.SymLog : ScaleType.Linear;
  const title = `${channel.name}, point ${latest.index}`;
  const across = energies(channel, latest.values.length);
  return (
    <>
      <div className="choices tools">
        <Downloads
          box={box}
          name={`scan_${shown.heading.number}_${channel.name}_${latest.index}`}
          title={title}
          data={() => csv([{ name: across.label, values: across.value ?? Array.from(latest.values, (_, n) => n) }, { name: channel.name, values: latest.values }])}
        />
      </div>
      <div className="plot map" ref={box} data-index={latest.index}>
        <LineVis
          className="heatmap"
          dataArray={values}
          domain={getDomain(values, { scaleType: scale })}
          scaleType={scale}
          title={title}
          ordinateLabel={channel.unit}
          abscissaParams={across}
        />
      </div>
    </>
  );
}

function Waterfall({ shown, channel, logarithmic, pick }: Props) {
  const all = shown.falls.get(channel.name);
  const values = useMemo(() => ndarray(all?.values ?? (new Float32Array(0) as Numbers), all?.shape ?? [0, 0]), [all]);
  if (all === undefined || all.shape[0] === 0) return <div className="plot empty">{`${channel.name}: nothing came yet, or its spectra are in files alone`}</div>;
  const [rows = 0, columns = 0] = all.shape;
  const label = energies(channel, 0).label;
  const place = energies(channel, columns * all.merged + 1).value;
  const across = Array.from({ length: columns + 1 }, (_, n) => place?.[n * all.merged] ?? n * all.merged);
  return (
    <Heatmap
      values={values}
      title={`${channel.name}${all.merged > 1 ? `, mean of ${all.merged} channels` : ''}`}
      name={`scan_${shown.heading.number}_${channel.name}_waterfall`}
      logarithmic={logarithmic}
      aspect="auto"
      flip={false}
      across={{ label, value: across }}
      down={{ label: 'point', value: Array.from({ length: rows + 1 }, (_, n) => n * all.every) }}
      pick={(row, column) =>
        pick({ channel: channel.name, index: row * all.every, positions: {}, pixel: [column * all.merged], values: { [channel.name]: values.get(row, column) } })
      }
      data={() => matrix(all.shape, all.values)}
      attributes={{ 'data-rows': rows }}
    />
  );
}

function energies({ energy }: Channel, length: number): { label: string; value?: number[] } {
  if (energy === null) return { label: 'channel' };
  const value = Array.from({ length }, (_, n) => energy.reduce((sum, factor, power) => sum + factor * n ** power, 0));
  return { label: 'energy [keV]', value };
}
