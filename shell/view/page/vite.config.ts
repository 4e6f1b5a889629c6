// The page is built into ../static, which is part of the package: nobody needs Node to install it.
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  build: { outDir: '../static', emptyOutDir: true, chunkSizeWarningLimit: 3000,
    // the same names at each build: the server lets no browser keep an old file
    rolldownOptions: { output: { entryFileNames: 'view.js', assetFileNames: 'view[extname]' } },
  },
});
