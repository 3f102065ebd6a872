import { resolve } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

/** The server that `npm run dev` passes everything to that is not a page. */
const weft = process.env.WEFT_URL ?? 'http://127.0.0.1:8080'

/** Serves the pages in development under the addresses that weft gives them. */
function pageAddresses(): Plugin {
  return {
    name: 'page-addresses',
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        if (request.url?.startsWith('/d/')) request.url = '/editor.html'
        if (request.url?.startsWith('/r/')) request.url = '/reader.html'
        next()
      })
    },
  }
}

export default defineConfig({
  // Pages have a <base href>; every address is relative to it.
  base: './',
  plugins: [pageAddresses()],
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': weft,
      '/view': weft,
      '/sync': { target: weft, ws: true },
    },
  },
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
    rolldownOptions: {
      input: ['index.html', 'editor.html', 'reader.html'].map((page) => resolve(import.meta.dirname, page)),
    },
  },
})
