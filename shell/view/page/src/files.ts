// Files over HTTP: asked for with the token of the page, which is never part of an address.

import { createBasicFetcher, type Fetcher, type GetExportURL } from '@h5web/app';
import { bearer } from './connection';

export const FILES = `${window.location.origin}/files`;

// A fetcher for h5web, made once: h5web asks anew for everything when it gets another one.
export const fetcher: Fetcher = (url, params, options) => createBasicFetcher({ headers: bearer() })(url, params, options);

export const exportURL =
  (file: string): GetExportURL =>
  (format, dataset, selection, builtIn) => {
    if (builtIn !== undefined) return async () => new Blob([builtIn()]);
    if (format !== 'npy' && format !== 'tiff') return undefined;
    const params = { file, path: dataset.path, format, ...(selection === undefined ? {} : { selection }) };
    return async () => new Blob([await fetcher(`${FILES}/data`, params)]);
  };
