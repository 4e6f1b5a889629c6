// Panels of devices as people arrange them; operators save them for everybody.

import { useEffect, useState } from 'react';
import { ask } from './connection';
import { DeviceView } from './DeviceView';
import { usePart } from './store';

export interface PanelDevice {
  device: string;
  attributes: string[]; // all if there are none
  chart: string[];
}

interface Panel {
  title: string;
  devices: PanelDevice[];
}

export function Panels() {
  const connected = usePart((known) => known.connected);
  const role = usePart((known) => known.role);
  const [panels, setPanels] = useState<Panel[]>([]);
  const [known, setKnown] = useState<{ name: string; class: string }[]>([]);
  const [told, setTold] = useState('');
  const [changed, setChanged] = useState(false);
  useEffect(() => {
    if (!connected || role === 'nobody') return;
    ask({ do: 'devices' }).then((answer) => setKnown(answer.devices as typeof known), () => undefined);
    if (!changed) ask({ do: 'panels' }).then((answer) => setPanels(answer.panels as Panel[]), (error: Error) => setTold(error.message));
  }, [connected, role]);
  const change = (to: Panel[]) => {
    setPanels(to);
    setChanged(true);
  };
  const at = (n: number, to: Panel) => change(panels.map((one, m) => (m === n ? to : one)));
  const save = () =>
    void ask({ do: 'save_panels', panels }).then(
      () => {
        setChanged(false);
        setTold('');
      },
      (error: Error) => setTold(error.message),
    );
  const title = () => {
    let n = 1;
    while (panels.some((one) => one.title === `panel ${n}`)) n += 1;
    return `panel ${n}`;
  };
  return (
    <section className="panels" aria-label="panels">
      {told !== '' && <p className="trouble" role="alert">{told}</p>}
      {panels.map((panel, n) => (
        <details key={n} open>
          <summary>
            <input aria-label={`title of panel ${n + 1}`} value={panel.title} onClick={(event) => event.preventDefault()} onChange={(event) => at(n, { ...panel, title: event.target.value })} />
            <button aria-label={`move ${panel.title} up`} disabled={n === 0} onClick={(event) => { event.preventDefault(); change(moved(panels, n, -1)); }}>↑</button>
            <button aria-label={`remove ${panel.title}`} onClick={(event) => { event.preventDefault(); change(panels.filter((_, m) => m !== n)); }}>×</button>
          </summary>
          {panel.devices.map((device, m) => {
            const set = (to: PanelDevice[]) => at(n, { ...panel, devices: to });
            return (
              <DeviceView
                key={device.device}
                shown={device}
                change={(to) => set(panel.devices.map((one, l) => (l === m ? to : one)))}
                up={m === 0 ? undefined : () => set(moved(panel.devices, m, -1))}
                remove={() => set(panel.devices.filter((_, l) => l !== m))}
              />
            );
          })}
          <select
            value=""
            aria-label={`add a device to ${panel.title}`}
            onChange={(event) => at(n, { ...panel, devices: [...panel.devices, { device: event.target.value, attributes: [], chart: [] }] })}
          >
            <option value="">add a device…</option>
            {known.filter(({ name }) => !panel.devices.some((one) => one.device === name)).map((one) => (
              <option key={one.name} value={one.name}>{`${one.name}  (${one.class})`}</option>
            ))}
          </select>
        </details>
      ))}
      <div className="choices">
        <button onClick={() => change([...panels, { title: title(), devices: [] }])}>new panel</button>
        {role === 'operator' && <button disabled={!changed} onClick={save}>save panels</button>}
      </div>
    </section>
  );
}

function moved<T>(all: T[], from: number, by: number): T[] {
  const rest = all.filter((_, n) => n !== from);
  return [...rest.slice(0, from + by), all[from]!, ...rest.slice(from + by)];
}
