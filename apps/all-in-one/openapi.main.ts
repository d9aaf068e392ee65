import 'reflect-metadata';
import { readFileSync, writeFileSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { describeApi } from '#libs/runtime';
import { AllInOneApp } from './all-in-one.app.js';

// `npm run openapi` writes openapi.json from the code; with --check it only proves that the committed file is fresh.
const file = 'openapi.json';
const app = await NestFactory.create<NestFastifyApplication>(
  AllInOneApp.in({ LOG_LEVEL: 'silent', DATA_DIR: './data' }),
  new FastifyAdapter(),
  { logger: false, abortOnError: false },
);
const fresh = `${JSON.stringify(describeApi(app), null, 2)}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, fresh);
} else if (readFileSync(file, 'utf8') !== fresh) {
  process.stderr.write(`${file} is stale: run npm run openapi and commit it\n`);
  process.exit(1);
}
process.exit(0);
