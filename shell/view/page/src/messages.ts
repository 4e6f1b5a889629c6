// Binary messages of the server: a JSON header, then the arrays that it names (see messages.py).

export type Numbers = Float64Array | Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

export interface Message {
  type: string;
  [key: string]: unknown;
}

export interface Decoded {
  header: Message;
  arrays: { name: string; shape: number[]; values: Numbers }[];
}

const TYPES: Record<string, new (buffer: ArrayBuffer, place: number, count: number) => Numbers> = {
  float64: Float64Array,
  float32: Float32Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
};

const ALIGNMENT = 8;

export function decode(buffer: ArrayBuffer): Decoded {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as Message & {
    arrays: { name: string; dtype: string; shape: number[] }[];
  };
  let place = 4 + length;
  const arrays = header.arrays.map(({ name, dtype, shape }) => {
    const type = TYPES[dtype];
    if (type === undefined) throw new Error(`array ${name} has type ${dtype}, which this page does not know`);
    const values = new type(buffer, place, shape.reduce((product, n) => product * n, 1));
    place += Math.ceil(values.byteLength / ALIGNMENT) * ALIGNMENT;
    return { name, shape, values };
  });
  return { header, arrays };
}
