"""Commands on a deployed stage as a whole: deploy, roll back, restore, look after."""
