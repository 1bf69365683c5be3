import { defineConfig } from 'vite';
import { svelte } from '@sveltejs/vite-plugin-svelte';

// The gateway serves dist/ below /diary/ and embeds it when it is built.
export default defineConfig({
  base: '/diary/',
  plugins: [svelte()],
  build: { target: 'es2022', outDir: '../dist', emptyOutDir: true, modulePreload: { polyfill: false } },
});
