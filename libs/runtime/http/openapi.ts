import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** The OpenAPI 3.0 description of every route of the app; the committed `openapi.json` is this, written out. */
export function describeApi(app: NestFastifyApplication): OpenAPIObject {
  const description = new DocumentBuilder()
    .setTitle('CitySense 感知中台')
    .setDescription(
      'Devices, readings, rules, alerts and webhooks of a city. Errors are RFC 9457 problem documents with a stable `code`. ' +
        'Times are RFC 3339 in UTC. Lists take `limit` and `cursor`. 设备、读数、规则、告警与推送接口。',
    )
    .setVersion('1')
    .addBearerAuth({ type: 'http', description: 'A session token (POST /api/v1/sessions) or an API key (csk_…).' })
    .addSecurityRequirements('bearer')
    .build();
  return SwaggerModule.createDocument(app, description, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
}

/** Serves Swagger UI at /docs and the description at /docs/openapi.json. */
export function serveDocs(app: NestFastifyApplication): void {
  SwaggerModule.setup('docs', app, () => describeApi(app), {
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
  });
}
