// Centre, width and so on of the curve, computed by the server as the prompt does it.

import { useEffect, useState } from 'react';
import { ask } from './connection';

const PERIOD = 1000; // ms between two questions while the scan runs

export function Figures({ scan, x, y, over, points }: { scan: string; x: string; y: string; over: boolean; points: number }) {
  const [figures, setFigures] = useState<Record<string, number>>({});
  const [due, setDue] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setDue((n) => n + 1), PERIOD);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    let wanted = true;
    ask({ do: 'figures', x, y }).then(
      (answer) => wanted && setFigures(answer.figures as Record<string, number>),
      () => wanted && setFigures({}),
    );
    return () => {
      wanted = false;
    };
    // asked once a second while points come, and once at the end
  }, [scan, x, y, over, over ? points : due]);
  return (
    <dl className="figures">
      {Object.entries(figures).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{Number(value.toPrecision(6))}</dd>
        </div>
      ))}
    </dl>
  );
}
