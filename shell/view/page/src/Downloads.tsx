// Two buttons that save what is drawn: as a picture, and as numbers.

import type { RefObject } from 'react';
import { picture, save } from './download';

export function Downloads({ box, name, title, data }: { box: RefObject<HTMLElement>; name: string; title: string; data: () => Blob }) {
  return (
    <span className="downloads">
      <button title="save as picture" onClick={() => box.current !== null && void picture(box.current, title).then((blob) => save(`${name}.png`, blob))}>PNG</button>
      <button title="save numbers" onClick={() => save(`${name}.csv`, data())}>CSV</button>
    </span>
  );
}
