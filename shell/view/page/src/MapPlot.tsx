// A mesh as a map while it fills, drawn by h5web.

import { HeatmapVis, ScaleType, getDomain } from '@h5web/lib';
import { edges, mesh } from './mesh';
import type { Shown } from './store';

export function MapPlot({ shown, channel, logarithmic }: { shown: Shown; channel: string; logarithmic: boolean }) {
  const map = mesh(shown, channel);
  if (map === null) return null;
  const scale = logarithmic ? ScaleType.Log : ScaleType.Linear;
  return (
    <div className="plot map" data-points={shown.columns.get(channel)?.length ?? 0}>
      <HeatmapVis
        className="heatmap"
        dataArray={map.values}
        domain={getDomain(map.values, { scaleType: scale })}
        scaleType={scale}
        colorMap="Viridis"
        aspect="auto"
        showGrid={false}
        title={channel}
        abscissaParams={{ label: map.fast.name, value: edges(map.fast.positions) }}
        ordinateParams={{ label: map.slow.name, value: edges(map.slow.positions) }}
      />
    </div>
  );
}
