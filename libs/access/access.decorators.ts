import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { PUBLIC_ROUTE } from '#libs/runtime';
import type { Permission, Principal } from './principal.js';

export const REQUIRED_PERMISSION = 'access:permission';
export { PUBLIC_ROUTE };

/** The permission a route needs. A route with neither this, `@Public` nor `@Authenticated` fails start-up. */
export const Requires = (permission: Permission) => SetMetadata(REQUIRED_PERMISSION, permission);

/** A route open to anybody who is logged in, whatever their role. */
export const Authenticated = () => SetMetadata(REQUIRED_PERMISSION, 'authenticated');

/** A route open to the world: health, metrics on a private port, login. */
export const Public = () => SetMetadata(PUBLIC_ROUTE, true);

/** The `Principal` of the request. */
export const CurrentPrincipal = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Principal =>
    context.switchToHttp().getRequest<{ principal: Principal }>().principal,
);
