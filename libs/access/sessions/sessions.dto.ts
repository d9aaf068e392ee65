import { ApiProperty } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';
import { UserView } from '../users/users.dto.js';

export class LoginRequest {
  @ApiProperty({ example: 'admin' })
  @IsString()
  @Length(1, 100)
  login: string;

  @ApiProperty()
  @IsString()
  @Length(1, 128)
  password: string;
}

export class SessionView {
  @ApiProperty({ description: 'Send it as `Authorization: Bearer <token>`. Shown once.' }) token: string;
  @ApiProperty({ format: 'date-time', description: 'The end however much it is used; unused, it ends earlier.' })
  expiresAt: string;
  @ApiProperty({ type: UserView }) user: UserView;
}

export class PasswordChange {
  @ApiProperty()
  @IsString()
  @Length(1, 128)
  currentPassword: string;

  @ApiProperty({ minLength: 12, maxLength: 128 })
  @IsString()
  @Length(1, 1_000)
  newPassword: string;
}

export class MeView {
  @ApiProperty({ enum: ['user', 'api_key'] }) kind: string;
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() tenantId: string;
  @ApiProperty({ description: 'True for who sees every tenant.' }) allTenants: boolean;
  @ApiProperty({ type: [String] }) roles: string[];
  @ApiProperty({ type: [String] }) permissions: string[];
}
