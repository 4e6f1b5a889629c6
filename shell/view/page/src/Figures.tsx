// Centre, width and so on of the curve, computed by the server as the prompt does it.

import { useEffect, useState } from 'react';
import { ask } from './connection';
import { INDEX, type Choice } from './curve';

const PERIOD = 1000; // ms between two questions while the scan runs
const TOLD = ['cen', 'fwhm', 'com', 'peak', 'trough'] as const;

export interface CurveFigures {
  cen?: number;
  fwhm?: number;
  com?: number;
  peak?: number;
  trough?: number;
  half?: number;
  crossings?: number[];
}

// Those of the first counter on the left; asked once a second while points come, and once at the end.
export function useFigures(scan: string, choice: Choice | null, over: boolean, points: number): CurveFigures {
  const [figures, setFigures] = useState<CurveFigures>({});
  const [due, setDue] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setDue((n) => n + 1), PERIOD);
    return () => clearInterval(timer);
  }, []);
  const y = choice?.left[0];
  const { x = INDEX, divideBy = '', derivative = false } = choice ?? {};
  useEffect(() => {
    let wanted = true;
    if (y === undefined || x === INDEX) {
      setFigures({});
      return undefined;
    }
    ask({ do: 'figures', x, y, divide_by: divideBy, derivative }).then(
      (answer) => wanted && setFigures(answer.figures as CurveFigures),
      () => wanted && setFigures({}),
    );
    return () => {
      wanted = false;
    };
  }, [scan, x, y, divideBy, derivative, over, over ? points : due]);
  return figures;
}

export function Figures({ figures, unit }: { figures: CurveFigures; unit: string }) {
  return (
    <dl className="figures">
      {TOLD.flatMap((name) => {
        const value = figures[name];
        if (value === undefined) return [];
        return [
          <div key={name}>
            <dt>{name}</dt>
            <dd>{`${Number(value.toPrecision(6))} ${unit}`}</dd>
          </div>,
        ];
      })}
    </dl>
  );
}
