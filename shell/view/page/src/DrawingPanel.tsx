// Arrays that somebody at a prompt has plotted: an image, or curves over their positions.

import { getDomain, HeatmapVis, LineVis, ScaleType } from '@h5web/lib';
import ndarray from 'ndarray';
import { closeDrawing, useAsked } from './asked';

export function DrawingPanel() {
  const { drawing } = useAsked();
  const [head, ...curves] = drawing?.arrays ?? [];
  if (drawing === null || head === undefined) return null;
  const title = `plotted by ${drawing.user} at ${new Date(drawing.time * 1000).toLocaleTimeString('en-GB')}`;
  return (
    <section className="drawing" aria-label={title} data-shape={head.shape.join('x')}>
      <header>
        <h2>{title}</h2>
        <button onClick={closeDrawing}>close</button>
      </header>
      <div className="plot map">
        {head.shape.length === 2 ? (
          <Image shape={head.shape} values={head.values} />
        ) : (
          curves.map(({ name, values }) => {
            const y = ndarray(values, [values.length]);
            return (
              <LineVis
                key={name}
                className="heatmap"
                dataArray={y}
                domain={getDomain(y)}
                scaleType={ScaleType.Linear}
                ordinateLabel={name}
                abscissaParams={{ label: head.name, value: Array.from(head.values) }}
              />
            );
          })
        )}
      </div>
    </section>
  );
}

function Image({ shape, values }: { shape: number[]; values: Parameters<typeof ndarray>[0] }) {
  const image = ndarray(values as Float64Array, shape);
  return (
    <HeatmapVis
      className="heatmap"
      dataArray={image}
      domain={getDomain(image)}
      scaleType={ScaleType.Linear}
      colorMap="Viridis"
      aspect="equal"
      showGrid={false}
      flipYAxis
      abscissaParams={{ label: 'column' }}
      ordinateParams={{ label: 'row' }}
    />
  );
}
