// The gateway runs in a thread; its settings are checked here, before anything starts, and listed by --help.
import '#libs/gateway';
import { Bootstrap, configureHttp } from '#libs/access';
import { httpConfig, readConfig, runApp, runtimeConfig, serveConsole, serveDocs } from '#libs/runtime';
import { StreamServer } from '#libs/stream';
import { AllInOneApp } from './all-in-one.app.js';
import { Threads } from './threads.js';
import { welcome, writeListening } from './welcome.js';

const http = () => readConfig(httpConfig, process.env);

await runApp({
  name: 'all-in-one',
  embedded: true,
  module: (environment) => AllInOneApp.in(environment),
  strategy: StreamServer,
  configure: async (app) => {
    await configureHttp(app);
    serveDocs(app);
    serveConsole(app);
  },
  listen: async (app) => {
    await app.listen(http().httpPort, http().httpHost);
  },
  started: async (app) => {
    const { dataDir } = readConfig(runtimeConfig, process.env);
    const { port } = app.getHttpServer().address() as { port: number };
    const gateway = app.get(Threads).gateway;
    await writeListening(dataDir, { httpPort: port, ...gateway });
    welcome({
      dataDir,
      httpPort: port,
      gateway,
      initialPassword: app.get(Bootstrap, { strict: false }).initialPassword,
    });
  },
});
