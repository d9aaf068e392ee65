import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers';
import components from 'unplugin-vue-components/vite';
import { defineConfig } from 'vite';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** The console is built to dist/console. `npm run console` serves it while it is worked on, beside a platform that runs. */
export default defineConfig({
  root: folder,
  plugins: [
    vue(),
    // Only the components that a page uses come with it, each with its styles; their types are Element Plus's own.
    components({ dts: false, dirs: [], resolvers: [ElementPlusResolver({ importStyle: 'css' })] }),
  ],
  define: {
    __VUE_OPTIONS_API__: true,
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_DROP_MESSAGE_COMPILER__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    outDir: '../../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    // The policy of the page allows files, no data in place of them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What every page needs comes as one file: asked for in thirty, they would wait for each other.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'frame', tags: ['$initial'] }] } } },
    reportCompressedSize: false,
    // MapLibre GL alone is larger than this warning's default; it is loaded with the map only.
    chunkSizeWarningLimit: 1_600,
  },
  server: {
    port: 5173,
    proxy: { '/api': process.env.PLATFORM_URL ?? 'http://127.0.0.1:3000' },
  },
});
