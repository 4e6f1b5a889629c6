// A place that somebody clicked at, on a curve, a map, an image or a spectrum.

export interface Pick {
  channel: string; // what is drawn there
  index: number | null; // of the point of the scan
  positions: Record<string, number>; // of axes, by name; none on images and spectra
  pixel: number[]; // row and column of an image, channel of a spectrum; none on curves and maps
  values: Record<string, number>; // what is drawn at that place, by channel
}

export function shortly(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : Number(value.toPrecision(7)).toString();
}

// What a place is, for people.
export function described({ positions, pixel, values }: Pick): string {
  const where = [
    ...Object.entries(positions).map(([name, at]) => `${name} ${shortly(at)}`),
    ...(pixel.length === 2 ? [`row ${pixel[0]} column ${pixel[1]}`] : pixel.map((one) => `channel ${one}`)),
  ];
  return `${where.join(', ')}: ${Object.entries(values).map(([name, value]) => `${name} ${shortly(value)}`).join(', ')}`;
}
