// The size of an element, also when it changes.

import { useEffect, useState, type RefObject } from 'react';

export function useSize(box: RefObject<HTMLElement>): [number, number] {
  const [size, setSize] = useState<[number, number]>([0, 0]);
  useEffect(() => {
    if (box.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setSize([Math.floor(entry.contentRect.width), Math.floor(entry.contentRect.height)]);
    });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [box]);
  return size;
}
