// A mesh as a map while it fills.

import { useMemo } from 'react';
import { csv } from './download';
import { Heatmap } from './Heatmap';
import { edges, mesh } from './mesh';
import type { Pick } from './pick';
import type { Shown } from './store';

interface Props {
  shown: Shown;
  channel: string;
  logarithmic: boolean;
  version: number;
  pick: (pick: Pick) => void;
}

export function MapPlot({ shown, channel, logarithmic, version, pick }: Props) {
  const map = useMemo(() => mesh(shown, channel), [shown.heading.scan, channel, version]);
  if (map === null) return null;
  const { values, fast, slow } = map;
  const columns = fast.positions.length;
  return (
    <Heatmap
      values={values}
      title={channel}
      name={`scan_${shown.heading.number}_${channel}`}
      logarithmic={logarithmic}
      aspect="auto"
      flip={false}
      across={{ label: fast.name, value: edges(fast.positions) }}
      down={{ label: slow.name, value: edges(slow.positions) }}
      pick={(row, column) =>
        pick({
          channel,
          index: null,
          positions: { [slow.name]: slow.positions[row]!, [fast.name]: fast.positions[column]! },
          pixel: [],
          values: { [channel]: values.get(row, column) },
        })
      }
      data={() =>
        csv([
          { name: slow.name, values: Array.from(values.data, (_, n) => slow.positions[Math.floor(n / columns)]) },
          { name: fast.name, values: Array.from(values.data, (_, n) => fast.positions[n % columns]) },
          { name: channel, values: values.data },
        ])
      }
      attributes={{ 'data-points': shown.columns.get(channel)?.length ?? 0 }}
    />
  );
}
