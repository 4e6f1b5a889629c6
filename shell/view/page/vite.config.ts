// The page is built into ../static, which is part of the package: nobody needs Node to install it.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vite';

const OUT = '../static';

// Which sources were built, so that a test can tell whether what is built is what is written.
function digest(): string {
  const files = ['index.html', 'package-lock.json', 'vite.config.ts', ...readdirSync('src').map((name) => join('src', name))];
  const hash = createHash('sha256');
  for (const file of files.sort()) hash.update(file).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

export default defineConfig({
  base: './',
  build: {
    outDir: OUT,
    emptyOutDir: true,
    chunkSizeWarningLimit: 3000,
    // the same names at each build: the server lets no browser keep an old file
    rolldownOptions: { output: { entryFileNames: 'view.js', chunkFileNames: '[name].js', assetFileNames: '[name][extname]' } },
  },
  plugins: [{ name: 'digest', closeBundle: () => writeFileSync(join(OUT, 'sources.sha256'), `${digest()}\n`) }],
});
