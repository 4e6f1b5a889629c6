// The page begins here.

import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';
import '@h5web/lib/styles.css';
import './style.css';
import './drawing.css';
import './files.css';
import './listing.css';
import { App } from './App';
import { connect } from './connection';

connect();
createRoot(document.getElementById('root')!).render(<App />);
