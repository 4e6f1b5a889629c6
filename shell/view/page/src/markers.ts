// What is drawn over a curve: centre, width at half maximum, peak, and the places that were picked.

import uPlot from 'uplot';
import { colours } from './colours';
import type { CurveFigures } from './Figures';
import type { Pick } from './pick';

export function drawMarkers(plot: uPlot, figures: CurveFigures | null, picked: Pick[], x: string): void {
  const { ctx, bbox } = plot;
  const { series, line, faint, scale } = colours();
  const ratio = window.devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = ratio;
  const letters = 12 * scale * ratio;
  ctx.font = `${letters}px system-ui, sans-serif`;
  const across = (value: number) => plot.valToPos(value, 'x', true);
  const upright = (value: number, colour: string, dash: number[], text: string, row: number) => {
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.setLineDash(dash.map((n) => n * ratio));
    ctx.beginPath();
    ctx.moveTo(across(value), bbox.top);
    ctx.lineTo(across(value), bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillText(text, across(value) + 3 * ratio, bbox.top + letters * (1 + 1.2 * row));
  };
  if (figures !== null) {
    const [left, right] = figures.crossings ?? [];
    if (figures.cen !== undefined) upright(figures.cen, series[1]!, [6, 3], 'cen', 0);
    if (figures.peak !== undefined && figures.cen !== undefined) upright(figures.peak, faint, [2, 3], 'peak', 1);
    if (left !== undefined && right !== undefined && figures.half !== undefined) {
      const y = plot.valToPos(figures.half, 'y', true);
      ctx.strokeStyle = ctx.fillStyle = series[1]!;
      ctx.beginPath();
      ctx.moveTo(across(left), y);
      ctx.lineTo(across(right), y);
      for (const end of [left, right]) {
        ctx.moveTo(across(end), y - 5 * ratio);
        ctx.lineTo(across(end), y + 5 * ratio);
      }
      ctx.stroke();
      ctx.fillText('fwhm', across(right) + 6 * ratio, y + 4 * ratio);
    }
  }
  picked.forEach((one, n) => {
    const at = one.positions[x] ?? one.index;
    if (at !== null && at !== undefined) upright(at, line, [], 'AB'[n] ?? '', 2);
  });
  ctx.restore();
}
