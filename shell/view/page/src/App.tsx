// The whole page: scans, the scan that is looked at, axes.

import { AxisTable } from './AxisTable';
import { DrawingPanel } from './DrawingPanel';
import { Panels } from './Panels';
import { ScanList } from './ScanList';
import { ScanView } from './ScanView';
import { usePart } from './store';

export function App() {
  const connected = usePart((known) => known.connected);
  const role = usePart((known) => known.role);
  const trouble = usePart((known) => known.trouble);
  return (
    <main>
      {!connected && <p className="trouble" role="status">The page has no connection to its server; it tries again every second.</p>}
      {connected && role === 'nobody' && (
        <p className="trouble" role="status">Open this page with the address that `ronda view` shows: it holds a token.</p>
      )}
      {trouble !== '' && <p className="trouble" role="status">{trouble}</p>}
      <ScanList />
      <ScanView />
      <aside>
        <AxisTable />
        <Panels />
      </aside>
      <DrawingPanel />
    </main>
  );
}
