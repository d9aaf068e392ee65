import { configureHttp } from '#libs/access';
import { httpConfig, readConfig, runApp, serveConsole, serveDocs } from '#libs/runtime';
import { ApiApp } from './api.app.js';

await runApp({
  name: 'api',
  module: (environment) => ApiApp.in(environment),
  configure: async (app) => {
    await configureHttp(app);
    serveDocs(app);
    serveConsole(app);
  },
  listen: async (app) => {
    const { httpPort, httpHost } = readConfig(httpConfig, process.env);
    await app.listen(httpPort, httpHost);
  },
});
