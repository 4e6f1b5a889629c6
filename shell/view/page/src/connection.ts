// The connection to the server: kept, made again when it is lost, and asked for what the page wants to see.

import { takeAsked } from './asked';
import { decode } from './messages';
import { change, now, take } from './store';

const AGAIN = 1000; // ms until a lost connection is tried again
const TOKEN = 'ronda-token';

type Order = Record<string, unknown> & { do: string };

let socket: WebSocket | null = null;
let wanted = 'newest';
let arrays: string[] = [];
let waterfalls: string[] = [];
let count = 0;
const waiting = new Map<number, { done: (answer: Record<string, unknown>) => void; failed: (why: Error) => void }>();

// The token comes behind the `#`, which is never sent; then it is taken out of the address that others may see.
function token(): string {
  const given = window.location.hash.slice(1);
  if (given !== '') {
    sessionStorage.setItem(TOKEN, given);
    window.history.replaceState(null, '', window.location.pathname);
  }
  return sessionStorage.getItem(TOKEN) ?? '';
}

export function bearer(): Record<string, string> {
  const known = token();
  return known === '' ? {} : { Authorization: `Bearer ${known}` };
}

export function ask(order: Order): Promise<Record<string, unknown>> {
  return new Promise((done, failed) => {
    if (socket === null || socket.readyState !== WebSocket.OPEN) {
      failed(new Error('the page has lost its server; it connects again by itself'));
      return;
    }
    count += 1;
    waiting.set(count, { done, failed });
    socket.send(JSON.stringify({ ...order, number: count }));
  });
}

export function show(scan: string): void {
  wanted = scan;
  void ask({ do: 'show', scan }).catch(() => undefined); // asked again when the connection is back
}

export function watch(channels: string[]): void {
  arrays = channels;
  void ask({ do: 'arrays', channels }).catch(() => undefined); // likewise
}

export function fall(channels: string[]): void {
  waterfalls = channels;
  void ask({ do: 'waterfalls', channels }).catch(() => undefined); // likewise
}

export function connect(): void {
  const scheme = window.location.protocol === 'https:' ? 'wss' : 'ws';
  const given = token();
  const opened = new WebSocket(`${scheme}://${window.location.host}/view`);
  socket = opened;
  opened.binaryType = 'arraybuffer';
  opened.onopen = async () => {
    try {
      const { role } = await ask({ do: 'enter', token: given });
      change({ connected: true, role: role as 'viewer', shown: null });
      if (role === 'nobody') return;
      await ask({ do: 'arrays', channels: arrays });
      await ask({ do: 'waterfalls', channels: waterfalls });
      await ask({ do: 'show', scan: wanted });
    } catch {
      opened.close();
    }
  };
  opened.onmessage = (event: MessageEvent<ArrayBuffer>) => {
    const decoded = decode(event.data);
    const { header } = decoded;
    if (header.type !== 'answer') {
      if (!takeAsked(decoded)) take(decoded);
      return;
    }
    const one = waiting.get(header.number as number);
    waiting.delete(header.number as number);
    if (header.error === undefined) one?.done({ ...header, arrays: decoded.arrays });
    else one?.failed(new Error(header.error as string));
  };
  opened.onclose = () => {
    for (const one of waiting.values()) one.failed(new Error('the page has lost its server'));
    waiting.clear();
    if (now().connected) change({ connected: false });
    setTimeout(connect, AGAIN);
  };
}
