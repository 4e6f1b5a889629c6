// An image or a map by h5web, with colour map, range, zoom, a click that picks a pixel, and a region that is drawn.

import { getDomain, HeatmapVis, ScaleType, SelectionTool, SvgElement, SvgRect, useCanvasEvent, type AxisParams, type ColorMap, type Domain } from '@h5web/lib';
import { useThree } from '@react-three/fiber';
import type { NdArray } from 'ndarray';
import { useEffect, useMemo, useRef, useState, type RefObject } from 'react';
import { Downloads } from './Downloads';
import type { Numbers } from './messages';

export interface Pixels {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Props {
  values: NdArray<Numbers>;
  title: string;
  name: string; // of the files that are saved
  logarithmic: boolean;
  aspect: 'equal' | 'auto';
  flip: boolean; // row 0 is at the top
  across: AxisParams;
  down: AxisParams;
  pick: (row: number, column: number) => void; // at that pixel
  data: () => Blob; // its numbers as a file
  region?: (region: Pixels) => void; // was dragged
  attributes: Record<string, string | number>;
}

const MAPS: ColorMap[] = ['Viridis', 'Inferno', 'Greys', 'Turbo', 'RdBu', 'Cividis'];
const OUTLIERS = 0.005; // part of the pixels at each end that a robust range leaves out

export function Heatmap({ values, title, name, logarithmic, aspect, flip, across, down, pick, data, region, attributes }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<ColorMap>('Viridis');
  const [range, setRange] = useState<'all' | 'robust' | 'fixed'>('all');
  const [fixed, setFixed] = useState<[string, string]>(['0', '1']);
  const [drawing, setDrawing] = useState(false);
  const scale = logarithmic ? ScaleType.SymLog : ScaleType.Linear;
  const full = useMemo(() => getDomain(values, { scaleType: scale }), [values, scale]);
  const domain = range === 'robust' ? robust(values.data) ?? full : range === 'fixed' ? chosen(fixed) ?? full : full;
  const change = (to: typeof range) => {
    if (to === 'fixed' && domain !== undefined) setFixed([domain[0].toPrecision(4), domain[1].toPrecision(4)].map((one) => String(Number(one))) as [string, string]);
    setRange(to);
  };
  return (
    <>
      <div className="choices tools">
        <label>
          colours
          <select value={map} onChange={(event) => setMap(event.target.value as ColorMap)}>
            {MAPS.map((one) => <option key={one}>{one}</option>)}
          </select>
        </label>
        <label>
          range
          <select value={range} onChange={(event) => change(event.target.value as typeof range)}>
            <option value="all">all</option>
            <option value="robust">without outliers</option>
            <option value="fixed">fixed</option>
          </select>
        </label>
        {range === 'fixed' &&
          ([0, 1] as const).map((end) => (
            <input
              key={end}
              className="short"
              inputMode="decimal"
              aria-label={end === 0 ? 'lowest' : 'highest'}
              value={fixed[end]}
              onChange={(event) => setFixed(end === 0 ? [event.target.value, fixed[1]] : [fixed[0], event.target.value])}
            />
          ))}
        {region !== undefined && (
          <button aria-pressed={drawing} title="drag a rectangle that becomes a region of interest" onClick={() => setDrawing(!drawing)}>region</button>
        )}
        <Downloads box={box} name={name} title={title} data={data} />
      </div>
      <div className="plot map" ref={box} {...attributes}>
        <HeatmapVis
          className="heatmap"
          dataArray={values}
          domain={domain}
          scaleType={scale}
          colorMap={map}
          aspect={aspect}
          showGrid={false}
          flipYAxis={flip}
          title={title}
          abscissaParams={across}
          ordinateParams={down}
          interactions={drawing ? { pan: false } : undefined}
        >
          <Drawn box={box} />
          <Clicks pick={(x, y) => {
            const row = cell(down.value, y, values.shape[0]!);
            const column = cell(across.value, x, values.shape[1]!);
            if (!drawing && row !== null && column !== null) pick(row, column);
          }} />
          {drawing && region !== undefined && (
            <SelectionTool
              onSelectionEnd={(selection) => {
                setDrawing(false);
                const found = selection && pixels(selection.data, values.shape);
                if (found) region(found);
              }}
            >
              {({ html }) => <SvgElement><SvgRect coords={html} fill="white" fillOpacity={0.25} stroke="white" /></SvgElement>}
            </SelectionTool>
          )}
        </HeatmapVis>
      </div>
    </>
  );
}

// The range of all but the outermost pixels, from every nth of many.
function robust(values: ArrayLike<number>): Domain | null {
  const every = Math.max(1, Math.floor(values.length / 50_000));
  const some: number[] = [];
  for (let n = 0; n < values.length; n += every) if (Number.isFinite(values[n])) some.push(values[n]!);
  some.sort((a, b) => a - b);
  const low = some[Math.floor(some.length * OUTLIERS)];
  const high = some[Math.ceil(some.length * (1 - OUTLIERS)) - 1];
  return low === undefined || high === undefined || low === high ? null : [low, high];
}

function chosen([low, high]: [string, string]): Domain | null {
  const ends: Domain = [Number(low), Number(high)];
  return low.trim() !== '' && high.trim() !== '' && ends.every(Number.isFinite) && ends[0] < ends[1] ? ends : null;
}

// In which cell a place lies; null outside.
function cell(edges: ArrayLike<number> | undefined, at: number, count: number): number | null {
  let found = Math.floor(at);
  if (edges !== undefined) {
    found = -1;
    for (let n = 0; n < count; n++) {
      const [low, high] = [Math.min(edges[n]!, edges[n + 1]!), Math.max(edges[n]!, edges[n + 1]!)];
      if (at >= low && at < high) found = n;
    }
  }
  return found >= 0 && found < count ? found : null;
}

function pixels(corners: readonly { x: number; y: number }[], [rows = 0, columns = 0]: number[]): Pixels | null {
  const [x0, x1] = corners.map(({ x }) => Math.round(Math.min(Math.max(x, 0), columns))).sort((a, b) => a - b) as [number, number];
  const [y0, y1] = corners.map(({ y }) => Math.round(Math.min(Math.max(y, 0), rows))).sort((a, b) => a - b) as [number, number];
  return x1 > x0 && y1 > y0 ? { x: x0, y: y0, width: x1 - x0, height: y1 - y0 } : null;
}

const MOVED = 4; // px: a click that moved farther was something else

function Clicks({ pick }: { pick: (x: number, y: number) => void }) {
  const down = useRef<[number, number]>([0, 0]);
  useCanvasEvent('pointerdown', ({ htmlPt }) => {
    down.current = [htmlPt.x, htmlPt.y];
  });
  useCanvasEvent('pointerup', ({ htmlPt, dataPt }) => {
    if (Math.hypot(htmlPt.x - down.current[0], htmlPt.y - down.current[1]) <= MOVED) pick(dataPt.x, dataPt.y);
  });
  return null;
}

// Draws when a picture is taken: the canvas is empty otherwise.
function Drawn({ box }: { box: RefObject<HTMLElement> }) {
  const { gl, scene, camera } = useThree();
  useEffect(() => {
    const element = box.current;
    const draw = () => gl.render(scene, camera);
    element?.addEventListener('picture', draw);
    return () => element?.removeEventListener('picture', draw);
  }, [box, gl, scene, camera]);
  return null;
}
