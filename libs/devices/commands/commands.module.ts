import { Module } from '@nestjs/common';
import { configProvider } from '#libs/runtime';
import { DevicesRepository } from '../devices/devices.repository.js';
import { DevicesModule } from '../devices.module.js';
import { CommandLine } from './command-line.js';
import { CommandOutcomesStage } from './command-outcomes.stage.js';
import { commandsConfig } from './commands.config.js';
import { CommandsController } from './commands.controller.js';
import { CommandsRepository } from './commands.repository.js';
import { CommandsService } from './commands.service.js';
import { OpenCommands } from './open-commands.js';

/** The commands that wait, for the gateway. */
@Module({
  providers: [configProvider(commandsConfig), CommandsRepository, OpenCommands],
  exports: [OpenCommands, CommandsRepository],
})
export class OpenCommandsModule {}

/** The stage that notes what became of commands. */
@Module({
  controllers: [CommandOutcomesStage],
  providers: [configProvider(commandsConfig), CommandsRepository],
})
export class CommandsStageModule {}

/** Commands over REST. */
@Module({
  imports: [DevicesModule],
  controllers: [CommandsController],
  providers: [configProvider(commandsConfig), CommandLine, CommandsRepository, CommandsService, DevicesRepository],
})
export class CommandsApiModule {}
