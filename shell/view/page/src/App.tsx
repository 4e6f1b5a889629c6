// The whole page: scans, the scan that is looked at, axes.

import { AxisTable } from './AxisTable';
import { DrawingPanel } from './DrawingPanel';
import { Panels } from './Panels';
import { ScanList } from './ScanList';
import { ScanView } from './ScanView';
import { useKnown } from './store';

export function App() {
  const { connected, role, trouble } = useKnown();
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
