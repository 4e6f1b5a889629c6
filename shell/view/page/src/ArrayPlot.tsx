// The latest image or spectrum of a scan; images by h5web, which shows the value under the cursor and zooms.

import { getDomain, HeatmapVis, LineVis, ScaleType } from '@h5web/lib';
import ndarray from 'ndarray';
import type { Channel, Shown } from './store';

export function ArrayPlot({ shown, channel, logarithmic }: { shown: Shown; channel: Channel; logarithmic: boolean }) {
  const latest = shown.arrays.get(channel.name);
  if (latest === undefined) return <div className="plot empty">{`${channel.name}: nothing came yet`}</div>;
  const values = ndarray(latest.values, latest.shape);
  const scale = logarithmic ? ScaleType.SymLog : ScaleType.Linear;
  const domain = getDomain(values, { scaleType: scale });
  const title = `${channel.name}, point ${latest.index}`;
  return (
    <div className="plot map" data-index={latest.index}>
      {latest.shape.length === 2 ? (
        <HeatmapVis
          className="heatmap"
          dataArray={values}
          domain={domain}
          scaleType={scale}
          colorMap="Viridis"
          aspect="equal"
          showGrid={false}
          flipYAxis
          title={title}
          abscissaParams={{ label: 'column' }}
          ordinateParams={{ label: 'row' }}
        />
      ) : (
        <LineVis
          className="heatmap"
          dataArray={values}
          domain={domain}
          scaleType={scale}
          title={title}
          ordinateLabel={channel.unit}
          abscissaParams={abscissa(channel, latest.values.length)}
        />
      )}
    </div>
  );
}

function abscissa({ energy }: Channel, length: number): { label: string; value?: number[] } {
  if (energy === null) return { label: 'channel' };
  const value = Array.from({ length }, (_, n) => energy.reduce((sum, factor, power) => sum + factor * n ** power, 0));
  return { label: 'energy [keV]', value };
}
