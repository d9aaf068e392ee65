import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
} from 'class-validator';
import { pageOf } from '#libs/runtime';
import { type Role, roles } from '../principal.js';

export class UserView {
  @ApiProperty() id: string;
  @ApiProperty() tenantId: string;
  @ApiProperty() login: string;
  @ApiProperty() name: string;
  @ApiProperty({ enum: roles, isArray: true }) roles: string[];
  @ApiProperty({ description: 'True for who sees every tenant.' }) allTenants: boolean;
  @ApiProperty() disabled: boolean;
  @ApiProperty({ description: 'True until the owner has chosen a password of their own.' }) passwordInitial: boolean;
  @ApiProperty() revision: number;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
}

export class UserPage extends pageOf(UserView) {}

export class UserChange {
  @ApiPropertyOptional()
  @IsOptional()
  @IsString()
  @Length(1, 100)
  name?: string;

  @ApiPropertyOptional({ enum: roles, isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(roles.length)
  @ArrayUnique()
  @IsIn(roles, { each: true })
  roles?: Role[];

  @ApiPropertyOptional({ description: 'Sees every tenant; only who does may grant it.' })
  @IsOptional()
  @IsBoolean()
  allTenants?: boolean;

  @ApiPropertyOptional({
    description: 'A disabled account cannot log in; its sessions and API keys stop within seconds.',
  })
  @IsOptional()
  @IsBoolean()
  disabled?: boolean;
}

export class NewUser extends OmitType(UserChange, ['name', 'roles', 'disabled'] as const) {
  @ApiProperty({ example: 'li.wei', description: 'Unique on the platform; letter case does not count.' })
  @Matches(/^[A-Za-z0-9._@-]{2,100}$/, { message: 'login must be 2 to 100 letters, digits and . _ @ -' })
  login: string;

  @ApiProperty({ example: '李伟' })
  @IsString()
  @Length(1, 100)
  name: string;

  @ApiProperty({ enum: roles, isArray: true })
  @IsArray()
  @ArrayMaxSize(roles.length)
  @ArrayUnique()
  @IsIn(roles, { each: true })
  roles: Role[];

  @ApiPropertyOptional({ description: 'Default: your own tenant.' })
  @IsOptional()
  @IsUUID()
  tenantId?: string;
}

export class NewUserView extends UserView {
  @ApiProperty({ description: 'Generated; shown once. Its owner changes it with PUT /api/v1/me/password.' })
  password: string;
}

export class PasswordReset {
  @ApiProperty({ description: 'Generated; shown once.' }) password: string;
}
