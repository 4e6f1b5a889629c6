// Opens the file of a scan, also while it runs.

import { lazy, Suspense, useEffect, useState } from 'react';
import { bearer } from './connection';

const FileBrowser = lazy(() => import('./FileBrowser'));

export function FileButton({ scan }: { scan: string }) {
  const [file, setFile] = useState('');
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    setFile('');
    setTrouble('');
  }, [scan]);
  const open = async () => {
    setTrouble('');
    try {
      const answer = await fetch(`files/of?${new URLSearchParams({ scan })}`, { headers: bearer() });
      const told = (await answer.json()) as { file?: string; message?: string };
      if (told.file === undefined) setTrouble(told.message ?? answer.statusText);
      else setFile(told.file);
    } catch {
      setTrouble('the page has lost its server');
    }
  };
  return (
    <>
      <button onClick={() => void open()}>file</button>
      {trouble !== '' && <em className="trouble" role="alert">{trouble}</em>}
      {file !== '' && (
        <Suspense fallback={null}>
          <FileBrowser file={file} close={() => setFile('')} />
        </Suspense>
      )}
    </>
  );
}
