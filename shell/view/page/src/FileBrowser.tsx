// A file in h5web's viewer, over the whole page; loaded when the first one is opened.

import { App, H5GroveProvider } from '@h5web/app';
import '@h5web/app/styles.css';
import { useEffect, useMemo, useRef } from 'react';
import { exportURL, fetcher, FILES } from './files';

export default function FileBrowser({ file, close }: { file: string; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const getExportURL = useMemo(() => exportURL(file), [file]);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="file" aria-label={file} onClose={close}>
      <header>
        <b>{file}</b>
        <button onClick={() => dialog.current?.close()}>close</button>
      </header>
      <div className="browser">
        <H5GroveProvider url={FILES} filepath={file} fetcher={fetcher} getExportURL={getExportURL}>
          <App sidebarOpen={window.innerWidth > 700} />
        </H5GroveProvider>
      </div>
    </dialog>
  );
}
