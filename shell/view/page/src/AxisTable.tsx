// Axes: where they are and what they do; operators move and stop them.

import { useState } from 'react';
import { ask } from './connection';
import { usePart, type AxisLine } from './store';

export function AxisTable() {
  const axes = usePart((known) => known.axes);
  const role = usePart((known) => known.role);
  const [told, setTold] = useState('');
  const order = (what: Parameters<typeof ask>[0]) => {
    ask(what).then(
      () => setTold(''),
      (error: Error) => setTold(error.message),
    );
  };
  return (
    <section className="axes" aria-label="axes">
      {told !== '' && <p className="trouble" role="alert">{told}</p>}
      <table>
        <tbody>
          {axes.map((axis) => (
            <tr key={axis.name} title={axis.trouble || axis.about}>
              <th scope="row">{axis.name}</th>
              <td className="number">{axis.position === null ? '–' : axis.position.toFixed(axis.digits)}</td>
              <td>{axis.unit}</td>
              <td><span className={`state ${axis.state}`}>{axis.state}</span></td>
              {role === 'operator' && <Orders axis={axis} order={order} />}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Orders({ axis, order }: { axis: AxisLine; order: (what: { do: string; axis: string; to?: number }) => void }) {
  const [target, setTarget] = useState('');
  const go = () => {
    const to = Number(target);
    if (target.trim() !== '' && Number.isFinite(to)) order({ do: 'move', axis: axis.name, to });
  };
  const [low, high] = axis.limits;
  return (
    <td className="orders">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go();
        }}
      >
        <input
          value={target}
          inputMode="decimal"
          aria-label={`target of ${axis.name}`}
          placeholder={`${low ?? '−∞'} … ${high ?? '∞'}`}
          onChange={(event) => setTarget(event.target.value)}
        />
        <button type="submit">go</button>
        <button type="button" className="stop" onClick={() => order({ do: 'stop', axis: axis.name })}>stop</button>
      </form>
    </td>
  );
}
