// A part of a camera's image that becomes a counter, once it has a name.

import { useState } from 'react';
import { ask } from './connection';
import type { Pixels } from './Heatmap';

export function Region({ channel, pixels, close }: { channel: string; pixels: Pixels; close: () => void }) {
  const [name, setName] = useState('roi1');
  const [told, setTold] = useState('');
  const { x, y, width, height } = pixels;
  return (
    <form
      className="note"
      aria-label="region of interest"
      onSubmit={(event) => {
        event.preventDefault();
        ask({ do: 'region', channel, name, ...pixels }).then(
          (answer) => setTold(answer.told as string),
          (error: Error) => setTold(error.message),
        );
      }}
    >
      <span>{`region of ${channel}: column ${x}, row ${y}, ${width} × ${height} pixels`}</span>
      <input className="short" value={name} aria-label="name of the region" onChange={(event) => setName(event.target.value)} />
      <button type="submit">make it a counter</button>
      <button type="button" onClick={close} aria-label="close">×</button>
      {told !== '' && <span role="alert">{told}</span>}
    </form>
  );
}
