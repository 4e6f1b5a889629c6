// Pictures and data of what is drawn, as files that the browser saves.

import { colours } from './colours';

export function save(name: string, what: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(what);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Comma-separated values as RFC 4180 has them: a heading, then a row for each index; empty where there is no number.
export function csv(columns: { name: string; values: ArrayLike<number | null | undefined> }[]): Blob {
  const count = Math.max(0, ...columns.map(({ values }) => values.length));
  const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const number = (value: number | null | undefined) => (value === null || value === undefined || Number.isNaN(value) ? '' : String(value));
  const rows = [columns.map(({ name }) => quoted(name)).join(',')];
  for (let n = 0; n < count; n++) rows.push(columns.map(({ values }) => number(values[n])).join(','));
  return new Blob([`${rows.join('\r\n')}\r\n`], { type: 'text/csv' });
}

// The numbers of an image, a line for each row.
export function matrix(shape: number[], values: ArrayLike<number>): Blob {
  const [rows = 0, columns = 0] = shape;
  const lines = Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => values[row * columns + column]).join(','));
  return new Blob([`${lines.join('\r\n')}\r\n`], { type: 'text/csv' });
}

// Everything that is drawn in a box, with a title above: canvases, and axes, which h5web draws as SVG.
export async function picture(box: HTMLElement, title: string): Promise<Blob> {
  const ratio = window.devicePixelRatio;
  const around = box.getBoundingClientRect();
  const { line, back } = colours();
  const canvas = document.createElement('canvas');
  canvas.width = around.width * ratio;
  canvas.height = (around.height + TITLE) * ratio;
  const context = canvas.getContext('2d')!;
  context.scale(ratio, ratio);
  context.fillStyle = back;
  context.fillRect(0, 0, around.width, around.height + TITLE);
  context.fillStyle = line;
  context.font = '14px system-ui, sans-serif';
  context.fillText(title, 8, 19);
  box.dispatchEvent(new Event('picture')); // who draws by WebGL draws now: its picture lasts only until the next frame
  for (const one of box.querySelectorAll('canvas')) place(context, one, one.getBoundingClientRect(), around);
  for (const one of box.querySelectorAll('svg')) {
    const at = one.getBoundingClientRect();
    if (at.width === 0 || at.height === 0 || one.parentElement?.closest('svg')) continue;
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(styled(one, at))}`;
    await image.decode();
    const wider = new DOMRect(at.x - MARGIN, at.y - MARGIN, at.width + 2 * MARGIN, at.height + 2 * MARGIN);
    place(context, image, wider, around);
  }
  return new Promise((done, failed) => canvas.toBlob((blob) => (blob === null ? failed(new Error('the picture cannot be made')) : done(blob))));
}

const TITLE = 28; // px above the picture
const MARGIN = 80; // px around an SVG, into which its labels may reach

function place(context: CanvasRenderingContext2D, what: CanvasImageSource, at: DOMRect, around: DOMRect): void {
  context.drawImage(what, at.left - around.left, at.top - around.top + TITLE, at.width, at.height);
}

// An SVG with the styles that it has on the page.
function styled(svg: SVGSVGElement, at: DOMRect): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const own = [svg, ...svg.querySelectorAll('*')];
  [copy, ...copy.querySelectorAll('*')].forEach((one, n) => {
    const style = getComputedStyle(own[n]!);
    for (const name of ['fill', 'stroke', 'stroke-width', 'font-size', 'font-family', 'font-weight', 'text-anchor', 'opacity', 'display']) {
      (one as SVGElement).style.setProperty(name, style.getPropertyValue(name));
    }
  });
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', `${at.width + 2 * MARGIN}`);
  copy.setAttribute('height', `${at.height + 2 * MARGIN}`);
  copy.setAttribute('viewBox', `${-MARGIN} ${-MARGIN} ${at.width + 2 * MARGIN} ${at.height + 2 * MARGIN}`);
  copy.style.overflow = 'visible';
  return new XMLSerializer().serializeToString(copy);
}
