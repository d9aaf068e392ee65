import { Inject, Injectable, type OnApplicationBootstrap, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { PUBLIC_ROUTE, REQUIRED_PERMISSION } from './access.decorators.js';
import type { Permission } from './principal.js';

/** One route of the application, as its decorators declare it. */
export interface Route {
  method: string;
  /** `/api/v1/devices/:id` */
  path: string;
  /** What it asks of the caller; undefined is a mistake that start-up refuses. */
  access: Permission | 'authenticated' | 'public' | undefined;
  /** `DevicesController.get` */
  handler: string;
}

/** Knows every route, and refuses to start the application while one of them says nothing of who may use it. */
@Injectable()
export class Routes implements OnApplicationBootstrap {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  onApplicationBootstrap(): void {
    const open = this.list().filter((route) => route.access === undefined);
    if (open.length === 0) return;
    const names = open.map((route) => `${route.method} ${route.path} (${route.handler})`).join(', ');
    throw new Error(`Routes without @Requires, @Authenticated or @Public: ${names}. Say who may use them.`);
  }

  /** Every HTTP route; handlers of streams are none. */
  list(): Route[] {
    return this.discovery.getControllers().flatMap(({ metatype, instance }) => {
      if (typeof metatype !== 'function' || !instance) return [];
      const prototype = Object.getPrototypeOf(instance) as Record<string, object>;
      return this.scanner.getAllMethodNames(prototype).flatMap((name) => this.routesOf(metatype, prototype, name));
    });
  }

  private routesOf(controller: object, prototype: Record<string, object>, name: string): Route[] {
    const handler = prototype[name];
    if (!handler || Reflect.getMetadata(PATH_METADATA, handler) === undefined) return [];
    const targets = [handler, controller] as Parameters<Reflector['getAllAndOverride']>[1];
    const access = this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC_ROUTE, targets)
      ? 'public'
      : this.reflector.getAllAndOverride<Route['access']>(REQUIRED_PERMISSION, targets);
    const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number] ?? 'GET';
    const bases = [Reflect.getMetadata(PATH_METADATA, controller) as string | string[]].flat();
    const paths = [Reflect.getMetadata(PATH_METADATA, handler) as string | string[]].flat();
    return bases.flatMap((base) =>
      paths.map((path) => ({
        method,
        path: joined(base, path),
        access,
        handler: `${(controller as { name: string }).name}.${name}`,
      })),
    );
  }
}

function joined(base: string, path: string): string {
  return `/${[...base.split('/'), ...path.split('/')].filter(Boolean).join('/')}`;
}
